// SPDX-License-Identifier: Apache-2.0

export * from './errno.gen.ts';
export * from './layout.ts';
export * from './media/virtio-media.ts';
export * from './ring/virtio-ring.ts';
export * from './text.ts';
export * from './v4l2/buffer-type.ts';
export * from './v4l2/ioctls.gen.ts';
export * from './v4l2/videodev2.ts';
export * from './v4l2/videodev2-constants.gen.ts';
export * from './wire-error.ts';
