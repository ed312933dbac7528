// SPDX-License-Identifier: Apache-2.0
import { resolve } from 'node:path';

/** A sink of the configuration, as a flag names it. */
export type NamedSink =
  | { readonly file: string }
  | { readonly command: string[] }
  | { readonly rtsp: number | string }
  | { readonly http: number | string }
  | { readonly device: string };

/** How the names of files end, for people. */
export const SINK_ENDINGS = '.mkv, .mp4, .ts, .y4m';

/**
 * Where an output of the command line goes: `rtsp:` or `http:` and a port, or an address with one, is a server; a path in /dev, or
 * `device:` and a name, is a V4L2 node; behind a bar stand a program and its arguments, separated by spaces; all else is a file.
 */
export function namedSink(written: string): NamedSink {
  if (written.startsWith('|')) return { command: written.slice(1).trim().split(/\s+/) };
  const [, protocol, place = ''] = /^(rtsp|http):(?:\/\/)?([^/]+)\/?$/.exec(written) ?? [];
  const at = /^\d+$/.test(place) ? Number(place) : place;
  if (protocol !== undefined) return protocol === 'rtsp' ? { rtsp: at } : { http: at };
  const [, device] = /^device:(.+)$/.exec(written) ?? /^(\/dev\/.+)$/.exec(written) ?? [];
  if (device !== undefined) return { device };
  return { file: resolve(written) };
}
