// SPDX-License-Identifier: Apache-2.0
import type { ChildKind } from './allowed-calls.ts';

/** Most private memory that a process may take: enough for 16 streams of 4K, for one film, for one that is encoded, for one stream, and one screen. */
export const DATA_BYTES: Readonly<Record<ChildKind, number>> = {
  codec: 6 * 2 ** 30,
  'media file': 3 * 2 ** 30,
  recorder: 2 * 2 ** 30,
  'network stream': 3 * 2 ** 30,
  screen: 3 * 2 ** 30,
};

/** Most processes and threads of a child: 16 streams of 16 threads, and those of V8. */
export const MAX_THREADS = 512;
