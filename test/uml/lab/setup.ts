// SPDX-License-Identifier: Apache-2.0
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { lockCache } from '../../vm/lab/cache-lock.ts';
import { aptIn, forgetDownloads } from '../../vm/lab/downloads.ts';
import { buildDriver, driverSources } from '../../vm/lab/driver.ts';
import { keepRoot, stampIn } from '../../vm/lab/kept.ts';
import { linkAwk } from '../../vm/lab/kernel.ts';
import { LabError } from '../../vm/lab/lab-error.ts';
import { GUEST_RECIPE } from '../../vm/lab/roots.ts';
import { buildKernel, COMPILER_RECIPE, CONFIG, LEFT_OUT, openKernel, SOURCE_SUITE, UML_MAKE, type UmlKernel } from './kernel.ts';
import { LIBCAMERA_RECIPE } from './libcamera.ts';
import { buildLoopback, LOOPBACK_PACKAGE } from './loopback.ts';

/** Everything that User-mode Linux is started from. */
export interface UmlLab {
  /** as `uname -r` says it */
  readonly release: string;
  /** the kernel, a program of this machine */
  readonly linux: string;
  /** folder of its modules, with `modules.dep` */
  readonly modules: string;
  /** tree of Debian's packages with the programs of V4L2 */
  readonly tools: string;
  /** tree of Debian's packages with those of libcamera */
  readonly libcamera: string;
}

type Progress = (part: string, step: string) => void;

/** What to set up, and where. */
export interface UmlSetupOptions {
  /** the cache of the test guests */
  readonly cache: string;
  /** hears what is being done: the part, and the step */
  readonly progress?: Progress;
}

/**
 * Fetches and builds what User-mode Linux needs, unless it is in the cache already: then nothing is done and no network is needed. What
 * was interrupted is done again, step by step. Throws `LabError`.
 */
export async function setupUml({ cache, progress = () => {} }: UmlSetupOptions): Promise<UmlLab> {
  const tools = await alone(cache, progress, (open) => keepRoot(GUEST_RECIPE, cache, open, progress));
  // apart, so that no test guest waits until a kernel is built
  const folder = join(cache, 'uml');
  const libcamera = await alone(cache, progress, (open) => keepRoot(LIBCAMERA_RECIPE, cache, open, progress));
  const { release, linux, tree } = await alone(folder, progress, (open) => build(folder, open, progress));
  return { release, linux, modules: join(tree, 'usr/lib/modules', release), tools, libcamera };
}

type Open = ReturnType<typeof aptIn>;

/** Does something in a cache while nobody else does: two would delete what the other fetches or builds. */
async function alone<T>(cache: string, progress: Progress, work: (open: Open) => Promise<T>): Promise<T> {
  mkdirSync(join(cache, 'stamps'), { recursive: true });
  using _alone = await lockCache(cache, () => progress('cache', 'waiting for another process that sets it up'));
  const result = await work(aptIn(cache, (step) => progress('tools', step)));
  forgetDownloads(cache);
  return result;
}

async function build(folder: string, open: Open, progress: Progress): Promise<UmlKernel> {
  const sid = () => open({ architecture: 'amd64', suites: [SOURCE_SUITE] });
  const tree = await keepRoot(COMPILER_RECIPE, folder, open, (_, step) => progress('uml-compiler', step));
  const inputs = [JSON.stringify([COMPILER_RECIPE, SOURCE_SUITE, LEFT_OUT]), readFileSync(CONFIG, 'utf8')];
  await stampIn(folder, 'kernel', ...inputs).make(async () => {
    linkAwk(tree);
    progress('uml-kernel', 'fetching the package lists');
    await buildKernel(tree, await sid(), (step) => progress('uml-kernel', step));
  });
  const release = readdirSync(join(tree, 'usr/lib/modules')).find((name) => /^\d/.test(name));
  if (release === undefined) throw new LabError(`there are no modules in ${tree}: remove it and run npm run uml:setup`);
  const kernel = openKernel(tree, release);
  // with the inputs of the kernel: one that is built again loses what was installed among its modules
  await stampIn(folder, 'driver', release, ...inputs, ...driverSources()).make(() =>
    buildDriver(kernel, (step) => progress('uml-driver', step), [UML_MAKE]),
  );
  await stampIn(folder, 'loopback', release, ...inputs, LOOPBACK_PACKAGE).make(async () =>
    buildLoopback(kernel, await sid(), (step) => progress('uml-loopback', step)),
  );
  return kernel;
}
