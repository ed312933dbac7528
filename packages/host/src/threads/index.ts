// SPDX-License-Identifier: Apache-2.0
export * from './thread-main.ts';
export * from './worker-thread.ts';
