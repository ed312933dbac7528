// SPDX-License-Identifier: Apache-2.0
/** A thread that writes pictures where it is told to, as a source does, and says so. */
import { parentPort } from 'node:worker_threads';
import { viewAt } from '../../packages/host/src/sys/index.ts';

/** One picture: where it goes, and the value of its bytes. */
export interface Drawing {
  readonly address: number;
  readonly length: number;
  readonly value: number;
}

const views = new Map<number, Uint8Array>();
parentPort?.on('message', ({ address, length, value }: Drawing) => {
  const view = views.get(address) ?? viewAt(address, length);
  views.set(address, view);
  view.fill(value);
  parentPort?.postMessage(address);
});
