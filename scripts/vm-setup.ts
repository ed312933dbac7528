// SPDX-License-Identifier: Apache-2.0
/**
 * Fetches and builds what test guests need into a cache folder: QEMU, a kernel, the driver for it, a root file system. A second run
 * does nothing.
 *
 *   npm run vm:setup [-- --kernel 6.12] [--userland i386|browser] [--cache FOLDER]
 *
 * Ends with status 75 where only the mirror is at fault: a later try may succeed.
 */
import { cacheFolder, KERNELS, setupLab } from '../test/vm/lab/index.ts';
import { oneOf, readFlags } from './vm-flags.ts';
import { setUp } from './vm-progress.ts';

const NAMES = KERNELS.map((kernel) => kernel.name);
const USAGE = `npm run vm:setup [-- --kernel NAME]... [--userland amd64|i386|browser] [--cache FOLDER]\nkernels: ${NAMES.join(', ')}, all`;
const { values } = readFlags(USAGE, {
  options: {
    kernel: { type: 'string', multiple: true, default: ['6.1'] },
    userland: { type: 'string' },
    cache: { type: 'string', default: cacheFolder() },
  },
});

const userland = values.userland === undefined ? undefined : oneOf('userland', values.userland, ['amd64', 'i386', 'browser']);

process.exitCode = await setUp(async (progress, ready) => {
  for (const kernel of values.kernel.includes('all') ? NAMES : values.kernel) {
    const lab = await setupLab({ cache: values.cache, kernel, progress, ...(userland && { userland }) });
    ready(`Linux ${lab.kernel.release} (${lab.kernel.choice.architecture}) in ${values.cache}`);
  }
});
