// SPDX-License-Identifier: Apache-2.0
export * from './heap-access.ts';
export * from './heap-arena.ts';
export * from './heap-window.ts';
export * from './in-process-transport.ts';
export * from './manual-clock.ts';
export * from './solid-source.ts';
export * from './transport-error.ts';
