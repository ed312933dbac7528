// SPDX-License-Identifier: Apache-2.0
/**
 * Fetches and builds what test guests need into a cache folder: QEMU, a kernel, the driver for it, a root file system. A second run
 * does nothing.
 *
 *   npm run vm:setup [-- --kernel 6.12] [--userland i386|browser] [--cache FOLDER]
 *
 * Ends with status 75 where only the mirror is at fault: a later try may succeed.
 */
import { cacheFolder, KERNELS, LabError, MirrorError, setupLab } from '../test/vm/lab/index.ts';
import { oneOf, readFlags } from './vm-flags.ts';

/** EX_TEMPFAIL of sysexits.h */
const TEMPORARY_FAILURE = 75;

const NAMES = KERNELS.map((kernel) => kernel.name);
const USAGE = `npm run vm:setup [-- --kernel NAME]... [--userland amd64|i386|browser] [--cache FOLDER]\nkernels: ${NAMES.join(', ')}, all`;
const { values } = readFlags(USAGE, {
  options: {
    kernel: { type: 'string', multiple: true, default: ['6.1'] },
    userland: { type: 'string' },
    cache: { type: 'string', default: cacheFolder() },
  },
});

async function main(): Promise<number> {
  const userland = values.userland === undefined ? undefined : oneOf('userland', values.userland, ['amd64', 'i386', 'browser']);
  const names = values.kernel.includes('all') ? NAMES : values.kernel;
  const started = performance.now();
  const seconds = () => ((performance.now() - started) / 1000).toFixed(0).padStart(4);
  const progress = (part: string, step: string) => console.log(`${seconds()} s  ${part}: ${step}`);
  for (const kernel of names) {
    const lab = await setupLab({ cache: values.cache, kernel, progress, ...(userland && { userland }) });
    console.log(`${seconds()} s  ready: Linux ${lab.kernel.release} (${lab.kernel.choice.architecture}) in ${values.cache}`);
  }
  return 0;
}

try {
  process.exitCode = await main();
} catch (error) {
  if (!(error instanceof LabError)) throw error;
  console.error(error.message);
  process.exitCode = error instanceof MirrorError ? TEMPORARY_FAILURE : 1;
}
