// SPDX-License-Identifier: Apache-2.0
/** The compliance tool in a machine of QEMU inside User-mode Linux: `npm run compliance:uml`. */
import { defineConfig } from 'vitest/config';
import uml from './vitest.uml.config.ts';

const TIMEOUT = 3_000_000;

export default defineConfig({
  ...uml,
  test: {
    ...uml.test,
    fileParallelism: false,
    include: ['test/uml/compliance/*.uml.ts'],
    testTimeout: TIMEOUT,
    hookTimeout: TIMEOUT,
  },
});
