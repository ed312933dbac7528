// SPDX-License-Identifier: Apache-2.0
/** Tests in a guest under QEMU: `npm run test:vm`. Two files at a time: a guest takes a processor of its own. */
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  resolve: {
    alias: { '@paravideo/core': fileURLToPath(new URL('packages/core/src/index.ts', import.meta.url)) },
  },
  test: {
    include: ['test/vm/suites/*.vm.ts'],
    maxWorkers: 2,
    testTimeout: 300_000,
    hookTimeout: 300_000,
  },
});
