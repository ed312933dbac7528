// SPDX-License-Identifier: Apache-2.0
/** Sizes and intervals as VIDIOC_ENUM_FRAMESIZES and VIDIOC_ENUM_FRAMEINTERVALS tell them. */
import { clearBytes } from '../../base/index.ts';
import type { Fraction, SourceIntervals, SourceSizes } from '../../picture/index.ts';
import {
  Errno,
  V4L2_FRMIVAL_TYPE_CONTINUOUS,
  V4L2_FRMIVAL_TYPE_DISCRETE,
  V4L2_FRMSIZE_TYPE_CONTINUOUS,
  V4L2_FRMSIZE_TYPE_DISCRETE,
  V4L2_FRMSIZE_TYPE_STEPWISE,
  type v4l2_fract,
  v4l2_frmivalenum,
  v4l2_frmsizeenum,
} from '../../wire/index.ts';

const S = v4l2_frmsizeenum.fields;
const I = v4l2_frmivalenum.fields;

/** Fills `struct v4l2_frmsizeenum` for its `index`; EINVAL past the end. */
export function writeFrameSize(view: DataView, sizes: SourceSizes): number {
  const index = S.index.get(view, 0);
  if (sizes.kind === 'discrete') {
    const size = sizes.sizes[index];
    if (size === undefined) return Errno.EINVAL;
    clearBytes(view, S.anon.offset, S.anon.size + S.reserved.size);
    S.type.set(view, 0, V4L2_FRMSIZE_TYPE_DISCRETE);
    S.anon.fields.discrete.fields.width.set(view, 0, size.width);
    S.anon.fields.discrete.fields.height.set(view, 0, size.height);
    return 0;
  }
  if (index > 0) return Errno.EINVAL;
  const { range } = sizes;
  if (range.minWidth === range.maxWidth && range.minHeight === range.maxHeight) {
    const only = { width: range.minWidth, height: range.minHeight };
    return writeFrameSize(view, { kind: 'discrete', sizes: [only] });
  }
  const stepWidth = Math.max(1, range.stepWidth);
  const stepHeight = Math.max(1, range.stepHeight);
  clearBytes(view, S.anon.offset, S.anon.size + S.reserved.size);
  S.type.set(view, 0, stepWidth === 1 && stepHeight === 1 ? V4L2_FRMSIZE_TYPE_CONTINUOUS : V4L2_FRMSIZE_TYPE_STEPWISE);
  const at = S.anon.fields.stepwise.fields;
  at.min_width.set(view, 0, range.minWidth);
  at.max_width.set(view, 0, range.maxWidth);
  at.step_width.set(view, 0, stepWidth);
  at.min_height.set(view, 0, range.minHeight);
  at.max_height.set(view, 0, range.maxHeight);
  at.step_height.set(view, 0, stepHeight);
  return 0;
}

/** Fills `struct v4l2_frmivalenum` for its `index`; EINVAL past the end. */
export function writeFrameInterval(view: DataView, intervals: SourceIntervals): number {
  const index = I.index.get(view, 0);
  if (intervals.kind === 'discrete') {
    const interval = intervals.intervals[index];
    if (interval === undefined) return Errno.EINVAL;
    clearBytes(view, I.anon.offset, I.anon.size + I.reserved.size);
    I.type.set(view, 0, V4L2_FRMIVAL_TYPE_DISCRETE);
    writeFraction(I.anon.fields.discrete.fields, view, interval);
    return 0;
  }
  if (index > 0) return Errno.EINVAL;
  clearBytes(view, I.anon.offset, I.anon.size + I.reserved.size);
  I.type.set(view, 0, V4L2_FRMIVAL_TYPE_CONTINUOUS);
  const at = I.anon.fields.stepwise.fields;
  writeFraction(at.min.fields, view, intervals.min);
  writeFraction(at.max.fields, view, intervals.max);
  writeFraction(at.step.fields, view, { numerator: 1, denominator: 1 });
  return 0;
}

/** Writes a fraction. */
export function writeFraction(at: typeof v4l2_fract.fields, view: DataView, value: Fraction): void {
  at.numerator.set(view, 0, value.numerator);
  at.denominator.set(view, 0, value.denominator);
}

/** Reads a fraction; undefined if one half is 0, which V4L2 takes for "the default". */
export function readFraction(at: typeof v4l2_fract.fields, view: DataView): Fraction | undefined {
  const numerator = at.numerator.get(view, 0);
  const denominator = at.denominator.get(view, 0);
  return numerator === 0 || denominator === 0 ? undefined : { numerator, denominator };
}
