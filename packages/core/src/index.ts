// SPDX-License-Identifier: Apache-2.0
/** @module Everything a platform needs to be a virtio video device, or to drive one. */
export type * from './device/media-device.ts';
export type * from './memory/guest-memory.ts';
export * from './ports/index.ts';
export * from './wire/index.ts';
