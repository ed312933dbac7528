// SPDX-License-Identifier: Apache-2.0
export type { Chain } from './chain.ts';
export * from './make-queue.ts';
export * from './queue-error.ts';
export * from './ring-layout.ts';
export type { ChainLimits } from './split/chain-walk.ts';
export * from './split/device-queue.ts';
export * from './split/driver-queue.ts';
export type { SplitQueueState } from './split/queue-state.ts';
export { RingMark } from './split/ring-mark.ts';
export { checkRingLayout } from './split/ring-view.ts';
export type * from './virt-queue.ts';
