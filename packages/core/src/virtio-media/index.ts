// SPDX-License-Identifier: Apache-2.0
export * from './limits.ts';
export * from './virtio-media-device.ts';
