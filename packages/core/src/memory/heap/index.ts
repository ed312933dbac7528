// SPDX-License-Identifier: Apache-2.0
export * from './heap-access.ts';
export * from './heap-arena.ts';
export * from './heap-window.ts';
