// SPDX-License-Identifier: Apache-2.0
import { V4L2_PIX_FMT_MJPEG, V4L2_PIX_FMT_YUYV } from '@paravideo/core';
import { describe, expect, it } from 'vitest';
import type { CameraDescription } from './camera-messages.ts';
import { cameraModes, EXPECTED } from './camera-modes.ts';

const HD = { width: 1280, height: 720 };
const VGA = { width: 640, height: 480 };
const [at30, at10] = [30, 10].map((denominator) => ({ numerator: 1, denominator }));
const rates = (size: typeof HD, ...intervals: (typeof at30)[]) => ({
  ...size,
  intervals: { kind: 'discrete' as const, intervals: intervals as { numerator: number; denominator: number }[] },
});

/** A webcam as most are: MJPG first, and few raw pictures in a second. */
const WEBCAM: CameraDescription = {
  ...EXPECTED,
  card: 'Webcam',
  formats: [
    { fourcc: V4L2_PIX_FMT_MJPEG, sizes: { kind: 'discrete', sizes: [HD, VGA] }, rates: [rates(HD, at30), rates(VGA, at30)] },
    {
      fourcc: V4L2_PIX_FMT_YUYV,
      sizes: { kind: 'discrete', sizes: [VGA, HD] },
      rates: [rates(VGA, at30, at10), rates(HD, at10)],
    },
  ],
  size: HD,
  interval: { numerator: 1, denominator: 30 },
};

describe('the modes of a camera of this machine', () => {
  it('have raw formats first, and by default what comes fluently: 640x480 at 30, where 1280x720 comes at 10', () => {
    const modes = cameraModes(WEBCAM, 'Desk');
    expect(modes.card).toBe('Desk');
    expect(modes.formats).toEqual([V4L2_PIX_FMT_YUYV, V4L2_PIX_FMT_MJPEG]);
    expect([modes.defaultSize, modes.defaultInterval]).toEqual([VGA, at30]);
  });

  it('have the sizes of each format, and the rates of each size', () => {
    const modes = cameraModes(WEBCAM, 'Desk');
    expect(modes.sizes(V4L2_PIX_FMT_MJPEG)).toEqual({ kind: 'discrete', sizes: [HD, VGA] });
    expect(modes.intervals(V4L2_PIX_FMT_YUYV, 640, 480)).toEqual({ kind: 'discrete', intervals: [at30, at10] });
    expect(modes.intervals(V4L2_PIX_FMT_YUYV, 1280, 720)).toEqual({ kind: 'discrete', intervals: [at10] });
  });

  it('have by default the mode that the camera is in where no picture comes fluently', () => {
    const slow = { ...WEBCAM, formats: [{ ...WEBCAM.formats[1], rates: [rates(VGA, at10), rates(HD, at10)] }] };
    const modes = cameraModes(slow as CameraDescription, 'Desk');
    expect([modes.defaultSize, modes.defaultInterval]).toEqual([HD, at10]);
  });

  it('have the first size of the list where the camera is in one that its raw format lacks', () => {
    const slow = { ...WEBCAM.formats[1], rates: [] };
    const elsewhere = { ...WEBCAM, formats: [slow], size: { width: 1920, height: 1080 } };
    expect(cameraModes(elsewhere as CameraDescription, 'Desk').defaultSize).toEqual(VGA);
  });
});
