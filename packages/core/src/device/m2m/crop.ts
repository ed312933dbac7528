// SPDX-License-Identifier: Apache-2.0
/**
 * VIDIOC_CROPCAP, VIDIOC_G_CROP and VIDIOC_S_CROP out of the selection ioctls, as the V4L2 core makes them (V4L2
 * documentation, "Comparison with old cropping API"). Linux guests never send them; other drivers may.
 */
import type { Fraction } from '../../picture/index.ts';
import {
  isOutput,
  V4L2_SEL_TGT_COMPOSE,
  V4L2_SEL_TGT_COMPOSE_BOUNDS,
  V4L2_SEL_TGT_COMPOSE_DEFAULT,
  V4L2_SEL_TGT_CROP,
  V4L2_SEL_TGT_CROP_BOUNDS,
  V4L2_SEL_TGT_CROP_DEFAULT,
  VIDIOC_CROPCAP,
  VIDIOC_G_CROP,
  VIDIOC_G_SELECTION,
  VIDIOC_S_CROP,
  VIDIOC_S_SELECTION,
  v4l2_crop,
  v4l2_cropcap,
  v4l2_rect,
  v4l2_selection,
} from '../../wire/index.ts';
import type { IoctlHandler, IoctlRow } from '../framework/ioctl-table.ts';
import type { IoctlCall } from '../framework/media-device.ts';

function rectBytes(view: DataView, at: number): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset + at, v4l2_rect.size);
}

/** A selection call for `target` with the memory of `call` and a rectangle of its own. */
function selection(nr: number, type: number, target: number, call: IoctlCall): IoctlCall {
  const payload = new DataView(new ArrayBuffer(v4l2_selection.size));
  v4l2_selection.fields.type.set(payload, 0, type);
  v4l2_selection.fields.target.set(payload, 0, target);
  return { ...call, nr, payload };
}

/**
 * The three rows, for a device whose selection handlers answer at once. `shape` is width to height of a pixel; CROPCAP has
 * it the other way round, height to width ("Image Cropping, Insertion and Scaling").
 */
export function cropIoctls<S>(
  get: (session: S, call: IoctlCall) => number,
  set: (session: S, call: IoctlCall) => number,
  shape: (session: S) => Fraction,
): readonly IoctlRow<S>[] {
  const read = (session: S, call: IoctlCall, type: number, target: number, at: number): number => {
    const inner = selection(VIDIOC_G_SELECTION, type, target, call);
    const errno = get(session, inner);
    if (errno === 0) rectBytes(call.payload, at).set(rectBytes(inner.payload, v4l2_selection.fields.r.offset));
    return errno;
  };
  const cropCap: IoctlHandler<S> = (session, call) => {
    const f = v4l2_cropcap.fields;
    const type = f.type.get(call.payload, 0);
    const [bounds, preset] = isOutput(type)
      ? [V4L2_SEL_TGT_COMPOSE_BOUNDS, V4L2_SEL_TGT_COMPOSE_DEFAULT]
      : [V4L2_SEL_TGT_CROP_BOUNDS, V4L2_SEL_TGT_CROP_DEFAULT];
    const { numerator, denominator } = shape(session);
    f.pixelaspect.fields.numerator.set(call.payload, 0, denominator);
    f.pixelaspect.fields.denominator.set(call.payload, 0, numerator);
    return read(session, call, type, bounds, f.bounds.offset) || read(session, call, type, preset, f.defrect.offset);
  };
  const target = (type: number) => (isOutput(type) ? V4L2_SEL_TGT_COMPOSE : V4L2_SEL_TGT_CROP);
  const getCrop: IoctlHandler<S> = (session, call) => {
    const type = v4l2_crop.fields.type.get(call.payload, 0);
    return read(session, call, type, target(type), v4l2_crop.fields.c.offset);
  };
  const setCrop: IoctlHandler<S> = (session, call) => {
    const type = v4l2_crop.fields.type.get(call.payload, 0);
    const inner = selection(VIDIOC_S_SELECTION, type, target(type), call);
    rectBytes(inner.payload, v4l2_selection.fields.r.offset).set(rectBytes(call.payload, v4l2_crop.fields.c.offset));
    return set(session, inner);
  };
  return [
    [VIDIOC_CROPCAP, cropCap],
    [VIDIOC_G_CROP, getCrop],
    [VIDIOC_S_CROP, setCrop],
  ];
}
