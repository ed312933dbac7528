// SPDX-License-Identifier: Apache-2.0
export * from './busy-polling.ts';
export * from './command-loop.ts';
export type * from './driver-transport.ts';
export * from './event-sender.ts';
export * from './in-process-transport.ts';
export * from './transport-error.ts';
export * from './virtio-device.ts';
