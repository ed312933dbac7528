// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import {
  Errno,
  V4L2_BUF_TYPE_VIDEO_CAPTURE,
  V4L2_BUF_TYPE_VIDEO_OUTPUT,
  VIDIOC_CROPCAP,
  VIDIOC_G_CROP,
  VIDIOC_S_CROP,
  v4l2_crop,
  v4l2_cropcap,
  v4l2_rect,
  v4l2_selection,
} from '../../wire/index.ts';
import { dispatch, ioctlTable } from '../framework/ioctl-table.ts';
import { makeCall } from '../framework/test-call.ts';
import { cropIoctls } from './crop.ts';

const S = v4l2_selection.fields;
const asked: [verb: string, type: number, target: number, left: number][] = [];

/** Answers each target with a rectangle whose left edge is the target; refuses outputs. */
const table = ioctlTable<undefined>(
  cropIoctls<undefined>(
    (_, { payload }) => {
      if (S.type.get(payload, 0) === 99) return Errno.EINVAL;
      S.r.fields.left.set(payload, 0, S.target.get(payload, 0));
      S.r.fields.width.set(payload, 0, 640);
      return 0;
    },
    (_, { payload }) => {
      asked.push(['set', S.type.get(payload, 0), S.target.get(payload, 0), S.r.fields.left.get(payload, 0)]);
      return 0;
    },
    () => ({ numerator: 59, denominator: 54 }),
  ),
);

describe('the old cropping API', () => {
  it('is made of selections: crop for capture, compose for output; the aspect of a pixel is height to width', () => {
    const call = makeCall(VIDIOC_CROPCAP, v4l2_cropcap.size);
    const f = v4l2_cropcap.fields;
    f.type.set(call.payload, 0, V4L2_BUF_TYPE_VIDEO_CAPTURE);
    expect(dispatch(table, undefined, call)).toBe(0);
    expect([f.bounds.fields.left, f.defrect.fields.left].map((field) => field.get(call.payload, 0))).toEqual([2, 1]);
    expect([f.pixelaspect.fields.numerator, f.pixelaspect.fields.denominator].map((field) => field.get(call.payload, 0))).toEqual(
      [54, 59],
    );
    const crop = makeCall(VIDIOC_G_CROP, v4l2_crop.size);
    v4l2_crop.fields.type.set(crop.payload, 0, V4L2_BUF_TYPE_VIDEO_OUTPUT);
    expect(dispatch(table, undefined, crop)).toBe(0);
    expect(v4l2_crop.fields.c.fields.left.get(crop.payload, 0)).toBe(256);
    expect(v4l2_rect.size).toBe(v4l2_crop.fields.c.size);
  });

  it('sets through S_SELECTION, and passes errors on', () => {
    const call = makeCall(VIDIOC_S_CROP, v4l2_crop.size);
    v4l2_crop.fields.type.set(call.payload, 0, V4L2_BUF_TYPE_VIDEO_CAPTURE);
    v4l2_crop.fields.c.fields.left.set(call.payload, 0, -5);
    expect(dispatch(table, undefined, call)).toBe(0);
    expect(asked).toEqual([['set', V4L2_BUF_TYPE_VIDEO_CAPTURE, 0, -5]]);
    const wrong = makeCall(VIDIOC_G_CROP, v4l2_crop.size);
    v4l2_crop.fields.type.set(wrong.payload, 0, 99);
    expect(dispatch(table, undefined, wrong)).toBe(Errno.EINVAL);
  });
});
