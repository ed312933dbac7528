// SPDX-License-Identifier: Apache-2.0
export * from './buffer-payload.ts';
export * from './buffer-planes.ts';
export * from './buffer-queue.ts';
export type * from './buffer-state.ts';
export { CaptureDevice } from './capture-device.ts';
export type { CapturePlanarity } from './capture-format.ts';
export { CAPTURE_IOCTLS } from './capture-ioctls.ts';
export type { CaptureDeviceOptions } from './capture-node.ts';
export * from './decoder-device.ts';
export * from './device-error.ts';
export * from './ioctl-table.ts';
export * from './limits.ts';
export type * from './media-device.ts';
export * from './mode-list.ts';
export * from './session.ts';
export * from './v4l2-buffer.ts';
