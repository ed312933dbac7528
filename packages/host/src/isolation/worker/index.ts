// SPDX-License-Identifier: Apache-2.0
export { KeptThread, type KeptThreadOptions } from './kept-thread.ts';
export * from './thread-main.ts';
export * from './worker-thread.ts';
