// SPDX-License-Identifier: Apache-2.0
export { Arena, DEFAULT_ARENA_BYTES, MAX_ARENA_BYTES } from './arena.ts';
export { ArenaError } from './arena-error.ts';
export * from './host-guest-memory.ts';
export { type GuestBudget, GuestBudgets, MemoryBudget } from './memory-budget.ts';
