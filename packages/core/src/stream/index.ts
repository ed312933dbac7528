// SPDX-License-Identifier: Apache-2.0
export * from './coded-stream.ts';
export * from './cookie-table.ts';
export * from './stream-error.ts';
export type * from './stream-events.ts';
export * from './stream-phase.ts';
export type { CodedStreamState } from './stream-state.ts';
