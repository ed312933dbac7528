// SPDX-License-Identifier: Apache-2.0
/**
 * The codec library: node-av (FFmpeg), an optional peer dependency that is loaded at run time, in processes that decode and, for its
 * scaler, in the thread that converts frames of trusted sources. Its binary is GPL and of another project, so nothing of it is bundled.
 *
 * Rules for its use, each learnt from a crash: options go in through `setOption`, never through a `Dictionary` given to
 * `open2Sync`; planes of a frame (`frame.data`) are views without an owner, dead as soon as the frame is unreferenced.
 */
import { createRequire } from 'node:module';
import { setFlagsFromString } from 'node:v8';
import type * as Constants from 'node-av/constants';
import type * as Lib from 'node-av/lib';
import { AvError } from './av-error.ts';

/** The library's low-level classes and its constants. */
export type Av = typeof Lib & { readonly constants: typeof Constants };

/** A decoded picture, in the library's memory. */
export type AvFrame = InstanceType<Av['Frame']>;

/** How to get the codec library. Without SKIP_FFMPEG its install script downloads an ffmpeg command that nobody here needs. */
export const AV_INSTALL_COMMAND = 'SKIP_FFMPEG=true npm install node-av@6';

/** True if `loadAv` would find the library. Nothing is loaded. */
export function avInstalled(): boolean {
  try {
    createRequire(import.meta.url).resolve('node-av/lib');
    return true;
  } catch {
    return false;
  }
}

/**
 * Has V8 count the memory of pictures like its own. Otherwise every view of a plane adds the plane's bytes to a count that
 * starts a collection each 64 MB, which costs a tenth of the time of decoding. For processes
 * that do nothing but decode. Older versions of Node do not know the flag, and say so on stderr.
 */
export function countPicturesAsHeap(): void {
  if (Number.parseInt(process.versions.node, 10) >= 26) setFlagsFromString('--external-memory-accounted-in-global-limit');
}

/** Loads the library and silences it. Throws `AvError` (missing), which names the install command. */
export async function loadAv(): Promise<Av> {
  let lib: typeof Lib;
  let constants: typeof Constants;
  try {
    [lib, constants] = await Promise.all([import('node-av/lib'), import('node-av/constants')]);
  } catch (cause) {
    throw new AvError('missing', `the codec library node-av cannot be loaded; install it with: ${AV_INSTALL_COMMAND}`, { cause });
  }
  lib.Log.setLevel(constants.AV_LOG_QUIET);
  return { ...lib, constants };
}
