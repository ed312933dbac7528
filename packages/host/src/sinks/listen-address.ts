// SPDX-License-Identifier: Apache-2.0
import { z } from 'zod';

/** Where a server listens unless an address is given. */
const LOOPBACK = '127.0.0.1';

/** A port, or an address with one. */
export const listenAddress = z.union([
  z.int().min(1).max(65535),
  z.string().regex(/^(\[[0-9a-fA-F:.]+\]|[^:[\]]+):\d{1,5}$/, 'must be a port, or look like 192.0.2.1:8554'),
]);

/** Takes apart what `listenAddress` has checked. */
export function hostAndPort(address: z.infer<typeof listenAddress>): { readonly host: string; readonly port: number } {
  if (typeof address === 'number') return { host: LOOPBACK, port: address };
  const at = address.lastIndexOf(':');
  return { host: address.slice(0, at).replace(/^\[|\]$/g, ''), port: Number(address.slice(at + 1)) };
}
