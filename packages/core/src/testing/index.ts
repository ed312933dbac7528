// SPDX-License-Identifier: Apache-2.0
export * from './errno-of.ts';
export * from './heap-access.ts';
export * from './heap-arena.ts';
export * from './heap-window.ts';
export * from './hostile-ring.ts';
export * from './in-process-transport.ts';
export * from './manual-clock.ts';
export * from './random.ts';
export * from './raw-ring.ts';
export * from './scripted-device.ts';
export * from './solid-source.ts';
export * from './toy-decoder.ts';
export * from './toy-guest.ts';
export * from './toy-stream.ts';
export * from './transport-error.ts';
