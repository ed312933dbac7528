// SPDX-License-Identifier: Apache-2.0
export * from './buffers/buffer-payload.ts';
export * from './buffers/buffer-planes.ts';
export * from './buffers/buffer-queue.ts';
export type * from './buffers/buffer-state.ts';
export * from './buffers/v4l2-buffer.ts';
export { CaptureDevice } from './capture/capture-device.ts';
export type { CapturePlanarity } from './capture/capture-format.ts';
export { CAPTURE_IOCTLS } from './capture/capture-ioctls.ts';
export type { CaptureDeviceOptions } from './capture/capture-node.ts';
export * from './capture/mode-list.ts';
export * from './decoder/decoder-device.ts';
export * from './framework/device-error.ts';
export * from './framework/ioctl-table.ts';
export * from './framework/limits.ts';
export type * from './framework/media-device.ts';
export * from './framework/v4l2-session.ts';
export * from './m2m/index.ts';
