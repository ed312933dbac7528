// SPDX-License-Identifier: Apache-2.0
export * from './output-modes.ts';
export * from './played-memory.ts';
export * from './played-output.ts';
export * from './sink-adapter.ts';
export * from './sink-adapters.ts';
export * from './sink-error.ts';
export * from './sink-feed.ts';
