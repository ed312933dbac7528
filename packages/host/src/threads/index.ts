// SPDX-License-Identifier: Apache-2.0
export * from './worker-thread.ts';
