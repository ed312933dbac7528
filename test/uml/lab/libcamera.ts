// SPDX-License-Identifier: Apache-2.0
import type { RootRecipe } from '../../vm/lab/roots.ts';

/** libcamera with its tools; trixie's has the pipeline of vimc. */
export const LIBCAMERA_RECIPE: RootRecipe = {
  name: 'libcamera',
  architecture: 'amd64',
  suites: ['trixie'],
  packages: ['base-files', 'coreutils', 'dash', 'libc-bin', 'libcamera-ipa', 'libcamera-tools'],
};
