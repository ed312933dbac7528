// SPDX-License-Identifier: Apache-2.0
/** What a page of somebody else can make a browser ask for, and must not get to see. */
import type { IncomingHttpHeaders } from 'node:http';
import { isIP } from 'node:net';

/**
 * Why a request is refused, with its status; undefined if it is not. A name in `Host` that is not ours is one that somebody has led to our
 * address (DNS rebinding): his page would be allowed to read what the browser gets here.
 * @param listening name or address at which the server listens
 */
export function refusalOf(
  { host, ...headers }: IncomingHttpHeaders,
  listening: string,
): { readonly status: number; readonly reason: string } | undefined {
  if (host !== undefined && !ownName(host, listening)) {
    return { status: 421, reason: 'Ask for this server by its address, or by the name in its configuration.' };
  }
  if (headers['sec-fetch-site'] === 'cross-site' && headers['sec-fetch-mode'] !== 'navigate') {
    return { status: 403, reason: 'Pages of other sites do not show what is played here.' };
  }
  return undefined;
}

function ownName(host: string, listening: string): boolean {
  const [, bracketed, plain = ''] = /^(?:\[([^\]]*)\]|([^:]*))(?::\d*)?$/.exec(host) ?? [];
  const name = (bracketed ?? plain).toLowerCase();
  return isIP(name) !== 0 || name === 'localhost' || name === listening.toLowerCase();
}
