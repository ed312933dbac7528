// SPDX-License-Identifier: Apache-2.0

/** Bytes of the event loop's heap on their way to memory: a private copy that travels with the message. */
export interface HeapCopy {
  readonly to: readonly { readonly address: number; readonly length: number }[];
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** One copy job. Everything it names is mapped and pinned until it is answered. */
export interface CopyJob {
  readonly id: number;
  /** triples (to, from, length) of bare addresses */
  readonly steps: readonly number[];
  readonly heap?: readonly HeapCopy[];
}

/** To a copy thread: jobs, done in order. */
export type CopyRequest = readonly CopyJob[];

/** From a copy thread: ids of jobs that are done. */
export type CopyAnswer = readonly number[];
