// SPDX-License-Identifier: Apache-2.0
export type { Codec } from './codec-life.ts';
export * from './codec-stream.ts';
export * from './cookie-table.ts';
export * from './decoder-parameters.ts';
export * from './decoder-phase.ts';
export * from './decoder-stream.ts';
export * from './loans.ts';
export * from './stream-error.ts';
export type * from './stream-events.ts';
export * from './stream-policy.ts';
export type { DecoderStreamState } from './stream-state.ts';
