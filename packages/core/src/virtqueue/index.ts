// SPDX-License-Identifier: Apache-2.0
export type { Chain } from './chain.ts';
export type { ChainLimits } from './chain-walk.ts';
export * from './device-queue.ts';
export * from './driver-queue.ts';
export * from './queue-error.ts';
export * from './ring-layout.ts';
export { RingMark } from './ring-mark.ts';
export { checkRingLayout } from './ring-view.ts';
