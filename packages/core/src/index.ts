// SPDX-License-Identifier: Apache-2.0
/** @module Everything a platform needs to be a virtio video device, or to drive one. Checks and simple devices for tests are at sub-paths. */
export * from './base/index.ts';
export * from './device/index.ts';
export * from './driver/index.ts';
export * from './memory/index.ts';
export * from './picture/index.ts';
export * from './ports/index.ts';
export * from './source/index.ts';
export * from './stream/index.ts';
export * from './v4l2/index.ts';
export * from './virtio-device/index.ts';
export * from './virtio-device/pci/index.ts';
export * from './virtio-media/index.ts';
export * from './virtqueue/index.ts';
export * from './wire/index.ts';
