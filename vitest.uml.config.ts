// SPDX-License-Identifier: Apache-2.0
/**
 * Tests in User-mode Linux: `npm run test:uml`. Two files at a time: each has a kernel with one processor, which waits for most of the
 * time.
 */
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

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
    include: ['test/uml/suites/*.uml.ts'],
    maxWorkers: 2,
    globalSetup: ['test/uml/harness/global-setup.ts'],
    // for a slow machine: whoever waits for something in a kernel gives up before
    testTimeout: 900_000,
    hookTimeout: 300_000,
  },
});
