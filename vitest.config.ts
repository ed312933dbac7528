// SPDX-License-Identifier: Apache-2.0
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  resolve: {
    // Tests run on the sources; processes and workers that a test starts run on the build.
    alias: [
      { find: /^@paravideo\/core$/, replacement: fileURLToPath(new URL('packages/core/src/index.ts', import.meta.url)) },
      {
        find: /^@paravideo\/core\/(testing|conformance)$/,
        replacement: fileURLToPath(new URL('packages/core/src/$1/index.ts', import.meta.url)),
      },
    ],
  },
  test: {
    include: ['packages/*/src/**/*.test.ts', 'packages/*/test/**/*.test.ts', 'test/**/*.test.ts'],
    // what has to come may take long on a busy machine, and a fault is told before the test's own limit
    expect: { poll: { timeout: 50_000 } },
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
