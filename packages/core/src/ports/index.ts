// SPDX-License-Identifier: Apache-2.0
export type * from './buffer-access.ts';
export * from './buffer-memory.ts';
export type * from './capture.ts';
export type * from './clock.ts';
export type * from './codec.ts';
export type * from './control-port.ts';
export type * from './converter.ts';
export type * from './decoder.ts';
export type * from './encoder.ts';
export type * from './foreign-node.ts';
export type * from './frame-sink.ts';
export * from './frame-source.ts';
export * from './host-buffers.ts';
export * from './no-memory-error.ts';
export * from './source-busy-error.ts';
