// SPDX-License-Identifier: Apache-2.0
/** Tests in a guest under QEMU: `npm run test:vm`. Two files at a time: a guest takes a processor of its own. */
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** The suites that take minutes. */
const LONGEST = ['compliance', 'torture', 'hostile', 'decoder'];

/** Starts the longest suites first, so that none of them is left alone at the end. */
class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const place = ({ moduleId }: TestSpecification) => {
      const index = LONGEST.indexOf(basename(moduleId, '.vm.ts'));
      return index < 0 ? LONGEST.length : index;
    };
    return files.toSorted((a, b) => place(a) - place(b));
  }
}

export default defineConfig({
  resolve: {
    alias: [
      { find: /^@paravideo\/core$/, replacement: fileURLToPath(new URL('packages/core/src/index.ts', import.meta.url)) },
      {
        find: /^@paravideo\/core\/(testing|conformance)$/,
        replacement: fileURLToPath(new URL('packages/core/src/$1/index.ts', import.meta.url)),
      },
    ],
  },
  test: {
    // A browser under emulation takes longer than all the rest: `npm run test:browser`.
    include: [process.env.PARAVIDEO_VM_BROWSER === undefined ? 'test/vm/suites/*.vm.ts' : 'test/vm/browser/*.vm.ts'],
    maxWorkers: 2,
    sequence: { sequencer: LongestFirst },
    // for a slow machine: whoever waits for something in a guest gives up before
    testTimeout: 900_000,
    hookTimeout: 900_000,
  },
});
