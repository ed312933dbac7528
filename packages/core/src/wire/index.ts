// SPDX-License-Identifier: Apache-2.0
export * from './buffer-type.ts';
export * from './errno.gen.ts';
export * from './ioctls.gen.ts';
export * from './layout.ts';
export * from './text.ts';
export * from './videodev2.ts';
export * from './videodev2-constants.gen.ts';
export * from './virtio-media.ts';
export * from './virtio-ring.ts';
export * from './wire-error.ts';
