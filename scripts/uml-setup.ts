// SPDX-License-Identifier: Apache-2.0
/**
 * Builds a User-mode Linux kernel with V4L2 test devices, the guest driver for it and v4l2loopback into the cache of the test guests.
 * A second run does nothing.
 *
 *   npm run uml:setup [-- --cache FOLDER]
 *
 * Ends with status 75 where only the mirror is at fault: a later try may succeed.
 */
import { setupUml } from '../test/uml/lab/index.ts';
import { cacheFolder } from '../test/vm/lab/index.ts';
import { readFlags } from './vm-flags.ts';
import { setUp } from './vm-progress.ts';

const { values } = readFlags('npm run uml:setup [-- --cache FOLDER]', {
  options: { cache: { type: 'string', default: cacheFolder() } },
});

process.exitCode = await setUp(async (progress, ready) => {
  const lab = await setupUml({ cache: values.cache, progress });
  ready(`User-mode Linux ${lab.release} in ${values.cache}`);
});
