// SPDX-License-Identifier: Apache-2.0
/** Why a live stream ended, or did not begin, for people. */
import { getSystemErrorMap } from 'node:util';

/** Where it ended; the index is what the process of the stream says. */
export const STAGES = ['open', 'no-video', 'no-decoder', 'no-picture', 'read', 'no-demuxer'] as const;

/** One of them. */
export type Stage = (typeof STAGES)[number];

/** FFmpeg's number of an error of its own, by its four characters, of which the first of some is 0xf8. */
const tag = (text: string): number => -text.split('').reduceRight((sum, letter) => sum * 256 + letter.charCodeAt(0), 0);

const OWN: ReadonlyMap<number, string> = new Map([
  [tag('EOF '), 'it has ended'],
  [tag('EXT '), 'what it comes from broke it off'],
  [tag('INDA'), 'what comes is no stream of a kind that is taken here: look at the address, and at the table of CAMERAS.md'],
  [tag('\u00f8DEM'), 'what comes is no stream of a kind that is taken here: look at the address, and at the table of CAMERAS.md'],
  [tag('\u00f8PRO'), 'it leads to a protocol that is not allowed here'],
  [tag('\u00f8400'), 'the server does not understand the request (400)'],
  [tag('\u00f8401'), 'the server asks for a name and a password, or these are wrong (401): write scheme://name:password@host/…'],
  [tag('\u00f8403'), 'the server refuses it (403): it may want another name and password'],
  [tag('\u00f8404'), 'the server has no such stream (404): look at the path of the address'],
  [tag('\u00f8429'), 'the server has too many requests (429)'],
  [tag('\u00f84XX'), 'the server refuses the request (4xx)'],
  [tag('\u00f85XX'), 'the server has a fault (5xx)'],
]);

const TEXTS: Readonly<Record<Exclude<Stage, 'open' | 'read'>, string>> = {
  'no-video': 'there is no video in it, only sound or text',
  'no-decoder': 'there is no decoder for its codec: have the camera send H.264',
  'no-picture': 'none of its pictures can be decoded',
  'no-demuxer': 'the codec library was built without what reads it',
};

const REMEDIES: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nobody listens there: look at host and port, and whether the server runs',
  EHOSTUNREACH: 'there is no way to that host',
  ENETUNREACH: 'there is no way to that network',
  ETIMEDOUT: 'it does not answer',
  ECONNRESET: 'the other end broke it off',
  EPIPE: 'the other end broke it off',
  EIO: 'it cannot be reached: its host is not known, its certificate is not believed, or its X server is not there',
};

/** The fault in words. */
export function liveFaultText(stage: number, code: number): string {
  const at = STAGES[stage];
  if (at !== undefined && at !== 'open' && at !== 'read') return TEXTS[at];
  const own = OWN.get(code);
  if (own !== undefined) return own;
  const system = getSystemErrorMap().get(code);
  if (system === undefined) return `FFmpeg's error ${code}`;
  const [name, words] = system;
  return `${REMEDIES[name] ?? words} (${name})`;
}
