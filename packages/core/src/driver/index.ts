// SPDX-License-Identifier: Apache-2.0

export { type BufferKind, BufferSet, type QueueOptions } from './buffer-set.ts';
export {
  type BufferPlane,
  type BufferState,
  type QueueBuffer,
  type QueuePlane,
  timestampMicros,
  timestampOf,
} from './buffers.ts';
export * from './capture-client.ts';
export type { CommandStats } from './command-channel.ts';
export * from './controls.ts';
export * from './decoder-client.ts';
export type * from './decoder-client-types.ts';
export * from './errors.ts';
export * from './events.ts';
export * from './formats.ts';
export * from './media-driver.ts';
export type * from './raw-request.ts';
export * from './session.ts';
export { type IoctlArrays, type IoctlResult, ioctlName, type MappedPlane } from './session-core.ts';
