// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { nearestInterval, type SourceIntervals, type SourceSizes } from '../../picture/index.ts';
import { Errno, v4l2_frmivalenum, v4l2_frmsizeenum } from '../../wire/index.ts';
import { writeFrameInterval, writeFrameSize } from '../index.ts';

const LIST: SourceSizes = {
  kind: 'discrete',
  sizes: [
    { width: 640, height: 480 },
    { width: 1280, height: 720 },
  ],
};
const RANGE: SourceSizes = {
  kind: 'stepwise',
  range: { minWidth: 16, maxWidth: 1000, stepWidth: 8, minHeight: 16, maxHeight: 1000, stepHeight: 2 },
};
const RATES: SourceIntervals = {
  kind: 'discrete',
  intervals: [
    { numerator: 1, denominator: 60 },
    { numerator: 1, denominator: 30 },
  ],
};

function dirty(size: number): DataView {
  return new DataView(new Uint8Array(size).fill(0xff).buffer);
}

function sizeAt(sizes: SourceSizes, index: number) {
  const view = dirty(v4l2_frmsizeenum.size);
  v4l2_frmsizeenum.fields.index.set(view, 0, index);
  return { errno: writeFrameSize(view, sizes), view };
}

describe('ENUM_FRAMESIZES', () => {
  it('enumerates a list to its end and zeroes what is reserved', () => {
    const { errno, view } = sizeAt(LIST, 1);
    expect(errno).toBe(0);
    expect(v4l2_frmsizeenum.fields.anon.fields.discrete.fields.width.get(view, 0)).toBe(1280);
    expect([...v4l2_frmsizeenum.fields.reserved.get(view, 0)]).toEqual(new Array(8).fill(0));
    expect(sizeAt(LIST, 2).errno).toBe(Errno.EINVAL);
    expect(sizeAt(LIST, 0xffff_ffff).errno).toBe(Errno.EINVAL);
  });

  it('enumerates a range once', () => {
    const { errno, view } = sizeAt(RANGE, 0);
    expect(errno).toBe(0);
    expect(v4l2_frmsizeenum.fields.type.get(view, 0)).toBe(3);
    expect(v4l2_frmsizeenum.fields.anon.fields.stepwise.fields.step_height.get(view, 0)).toBe(2);
    expect(sizeAt(RANGE, 1).errno).toBe(Errno.EINVAL);
  });

  it('shows a range of one size as a discrete size, since a step must not exceed the range', () => {
    const one: SourceSizes = {
      kind: 'stepwise',
      range: { ...RANGE.range, minWidth: 64, maxWidth: 64, minHeight: 48, maxHeight: 48 },
    };
    expect(v4l2_frmsizeenum.fields.type.get(sizeAt(one, 0).view, 0)).toBe(1);
  });
});

describe('ENUM_FRAMEINTERVALS', () => {
  it('enumerates a list to its end', () => {
    const view = dirty(v4l2_frmivalenum.size);
    v4l2_frmivalenum.fields.index.set(view, 0, 1);
    expect(writeFrameInterval(view, RATES)).toBe(0);
    expect(v4l2_frmivalenum.fields.anon.fields.discrete.fields.denominator.get(view, 0)).toBe(30);
    v4l2_frmivalenum.fields.index.set(view, 0, 2);
    expect(writeFrameInterval(view, RATES)).toBe(Errno.EINVAL);
  });

  it('shows every interval between two as continuous with step 1/1', () => {
    const view = dirty(v4l2_frmivalenum.size);
    v4l2_frmivalenum.fields.index.set(view, 0, 0);
    const between: SourceIntervals = {
      kind: 'continuous',
      min: { numerator: 1, denominator: 120 },
      max: { numerator: 1, denominator: 5 },
    };
    expect(writeFrameInterval(view, between)).toBe(0);
    expect(v4l2_frmivalenum.fields.type.get(view, 0)).toBe(2);
    expect(v4l2_frmivalenum.fields.anon.fields.stepwise.fields.step.fields.numerator.get(view, 0)).toBe(1);
    expect(nearestInterval(between, { numerator: 1, denominator: 1000 })).toEqual({ numerator: 1, denominator: 120 });
    expect(nearestInterval(between, { numerator: 9, denominator: 1 })).toEqual({ numerator: 1, denominator: 5 });
    expect(nearestInterval(between, { numerator: 3, denominator: 100 })).toEqual({ numerator: 3, denominator: 100 });
  });
});
