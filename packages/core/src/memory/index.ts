// SPDX-License-Identifier: Apache-2.0
export * from './address-order.ts';
export type * from './guest-memory.ts';
export * from './heap/index.ts';
export * from './memory-error.ts';
export * from './memory-gate.ts';
export * from './range-allocator.ts';
export * from './region-memory.ts';
