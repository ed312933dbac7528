// SPDX-License-Identifier: Apache-2.0
export * from './codec-stream.ts';
export * from './cookie-table.ts';
export * from './decoder-parameters.ts';
export * from './decoder-phase.ts';
export * from './decoder-stream.ts';
export * from './encoder-phase.ts';
export * from './encoder-stream.ts';
export * from './loans.ts';
export * from './stream-error.ts';
export type * from './stream-events.ts';
export * from './stream-policy.ts';
export type { DecoderStreamState } from './stream-state.ts';
