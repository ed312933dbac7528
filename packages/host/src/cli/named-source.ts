// SPDX-License-Identifier: Apache-2.0
import { resolve } from 'node:path';

/** A source of the configuration, as a flag names it. */
export type NamedSource =
  | { readonly device: string }
  | { readonly libcamera: string }
  | { readonly url: string }
  | { readonly file: string };

const LIBCAMERA = 'libcamera:';
/** What begins like an address of the network; which of them are known is the source's to say. */
const ADDRESS = /^[a-z]+:\/\//i;

/**
 * What a camera of the command line shows: a node below /dev is a camera of this machine, `libcamera:NAME` one that libcamera knows,
 * `rtsp://…` and the like a live stream, anything else a file; undefined: the pattern.
 */
export function namedSource(written: string): NamedSource | undefined {
  if (written === 'pattern') return undefined;
  if (written.startsWith(LIBCAMERA)) return { libcamera: written.slice(LIBCAMERA.length) };
  if (ADDRESS.test(written)) return { url: written };
  const path = resolve(written);
  return path.startsWith('/dev/') ? { device: path } : { file: path };
}
