// SPDX-License-Identifier: Apache-2.0
/** Payloads of the ioctls that the attacks need. */
import {
  type GuestRange,
  V4L2_BUF_TYPE_VIDEO_CAPTURE,
  v4l2_buffer,
  v4l2_event_subscription,
  v4l2_ext_control,
  v4l2_ext_controls,
  v4l2_requestbuffers,
} from '@paravideo/core';

const filled = (size: number, fill: (view: DataView) => void): Uint8Array => {
  const bytes = new Uint8Array(size);
  fill(new DataView(bytes.buffer));
  return bytes;
};

/** VIDIOC_REQBUFS. `memory`: 1 mmap, 2 userptr. */
export const requestBuffers = (count: number, memory: number): Uint8Array =>
  filled(v4l2_requestbuffers.size, (view) => {
    const f = v4l2_requestbuffers.fields;
    f.count.set(view, 0, count);
    f.type.set(view, 0, V4L2_BUF_TYPE_VIDEO_CAPTURE);
    f.memory.set(view, 0, memory);
  });

/** VIDIOC_QBUF. */
export const queueBuffer = (index: number, memory: number, length: number): Uint8Array =>
  filled(v4l2_buffer.size, (view) => {
    const f = v4l2_buffer.fields;
    f.index.set(view, 0, index);
    f.type.set(view, 0, V4L2_BUF_TYPE_VIDEO_CAPTURE);
    f.memory.set(view, 0, memory);
    f.length.set(view, 0, length);
  });

/** VIDIOC_SUBSCRIBE_EVENT to V4L2_EVENT_CTRL. */
export const subscription = (id: number): Uint8Array =>
  filled(v4l2_event_subscription.size, (view) => {
    v4l2_event_subscription.fields.type.set(view, 0, 3);
    v4l2_event_subscription.fields.id.set(view, 0, id);
  });

/** VIDIOC_S_EXT_CTRLS and its like. */
export const controls = (list: readonly { id: number; value?: number; size?: number }[]): Uint8Array =>
  filled(v4l2_ext_controls.size + list.length * v4l2_ext_control.size, (view) => {
    v4l2_ext_controls.fields.count.set(view, 0, list.length);
    for (const [i, { id, value, size }] of list.entries()) {
      const at = v4l2_ext_controls.size + i * v4l2_ext_control.size;
      v4l2_ext_control.fields.id.set(view, at, id);
      v4l2_ext_control.fields.size.set(view, at, size ?? 0);
      view.setInt32(at + v4l2_ext_control.fields.anon.offset, value ?? 0, true);
    }
  });

/** A scatter list. */
export const scatterList = (ranges: readonly GuestRange[]): Uint8Array =>
  filled(16 * ranges.length, (view) => {
    for (const [i, { address, length }] of ranges.entries()) {
      view.setBigUint64(16 * i, BigInt(address), true);
      view.setUint32(16 * i + 8, length, true);
    }
  });

/** `struct v4l2_format` of a single-planar camera. */
export const format = (width: number, height: number, fourcc: number, bytesPerLine = 0): Uint8Array =>
  filled(208, (view) => {
    view.setUint32(0, V4L2_BUF_TYPE_VIDEO_CAPTURE, true);
    for (const [i, value] of [width, height, fourcc, 1, bytesPerLine].entries()) view.setUint32(8 + 4 * i, value, true);
  });

/** Where `sizeimage` lies in the answer to a format ioctl. */
export const SIZE_IMAGE_IN_ANSWER: number = 8 + 8 + 20;

/** `struct v4l2_streamparm`: a frame every 1/fps. */
export const frameRate = (fps: number): Uint8Array =>
  filled(204, (view) => {
    view.setUint32(0, V4L2_BUF_TYPE_VIDEO_CAPTURE, true);
    view.setUint32(12, 1, true);
    view.setUint32(16, fps, true);
  });
