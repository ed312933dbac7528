// SPDX-License-Identifier: Apache-2.0
/** Programs with a camera of ours, in User-mode Linux: `npm run test:programs`. */
import { defineConfig } from 'vitest/config';
import uml from './vitest.uml.config.ts';

export default defineConfig({
  ...uml,
  test: { ...uml.test, fileParallelism: false, include: ['test/programs/suites/*.programs.ts'] },
});
