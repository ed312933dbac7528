// SPDX-License-Identifier: Apache-2.0

export * from './clients/capture-client.ts';
export * from './clients/decoder-client.ts';
export type * from './clients/decoder-client-types.ts';
export * from './clients/output-client.ts';
export type * from './clients/picture-format.ts';
export { type BufferKind, BufferSet, type QueueOptions } from './media/buffer-set.ts';
export {
  type BufferPlane,
  type BufferState,
  decodeBuffer,
  encodeBuffer,
  type QueueBuffer,
  type QueuePlane,
  timestampMicros,
  timestampOf,
} from './media/buffers.ts';
export * from './media/controls.ts';
export { DriverSession, type MappedPlane } from './media/driver-session.ts';
export * from './media/events.ts';
export * from './media/formats.ts';
export * from './media/ioctl-call.ts';
export * from './media/media-driver.ts';
export * from './media/typed-ioctls.ts';
export type { CommandStats } from './rings/command-channel.ts';
export * from './rings/errors.ts';
export type * from './rings/raw-request.ts';
