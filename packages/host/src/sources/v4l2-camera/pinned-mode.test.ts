// SPDX-License-Identifier: Apache-2.0
import { fourcc, V4L2_PIX_FMT_MJPEG, V4L2_PIX_FMT_YUYV } from '@paravideo/core';
import { describe, expect, it } from 'vitest';
import type { CameraDescription } from './camera-messages.ts';
import { cameraModes, EXPECTED } from './camera-modes.ts';
import { modesText, parseMode, pinned } from './pinned-mode.ts';

const HD = { width: 1280, height: 720 };
const VGA = { width: 640, height: 480 };
const rates = (size: typeof HD, ...fps: readonly (readonly [number, number])[]) => ({
  ...size,
  intervals: { kind: 'discrete' as const, intervals: fps.map(([denominator, numerator]) => ({ numerator, denominator })) },
});
const WEBCAM: CameraDescription = {
  ...EXPECTED,
  card: 'Webcam',
  formats: [
    {
      fourcc: V4L2_PIX_FMT_MJPEG,
      sizes: { kind: 'discrete', sizes: [HD, VGA] },
      rates: [rates(HD, [30_000, 1001], [15, 1]), rates(VGA, [30, 1])],
    },
    {
      fourcc: V4L2_PIX_FMT_YUYV,
      sizes: { kind: 'discrete', sizes: [VGA, HD] },
      rates: [rates(VGA, [30, 1]), rates(HD, [10, 1])],
    },
  ],
};
const pin = (text: string): CameraDescription | undefined => {
  const mode = parseMode(text);
  if (mode === undefined) expect.unreachable(`${text} is a mode`);
  return pinned(WEBCAM, mode);
};

describe('the mode that a camera is pinned to', () => {
  it('is written as a size, with a rate and a format where these matter', () => {
    expect(parseMode('1280x720')).toEqual({ ...HD, fps: undefined, fourcc: undefined });
    expect(parseMode('1280x720@29.97 MJPG')).toEqual({ ...HD, fps: 29.97, fourcc: V4L2_PIX_FMT_MJPEG });
    expect(parseMode('640x480 YUYV')).toEqual({ ...VGA, fps: undefined, fourcc: fourcc('YUYV') });
    for (const wrong of ['', '1280', '1280x720@', '1280x720@0', '1280x720 ', '1280x720@30MJPG', 'MJPG 1280x720', '1x1 ABCDE'])
      expect(parseMode(wrong), wrong).toBeUndefined();
  });

  it('is the only one that the camera has, in each format that has it unless one is named', () => {
    const modes = cameraModes(pin('1280x720') as CameraDescription, 'Desk');
    expect(modes.formats).toEqual([V4L2_PIX_FMT_YUYV, V4L2_PIX_FMT_MJPEG]);
    expect([modes.defaultSize, modes.sizes(V4L2_PIX_FMT_YUYV)]).toEqual([HD, { kind: 'discrete', sizes: [HD] }]);
    expect(pin('1280x720@29.97')?.formats).toEqual([
      {
        fourcc: V4L2_PIX_FMT_MJPEG,
        sizes: { kind: 'discrete', sizes: [HD] },
        rates: [rates(HD, [30_000, 1001])],
      },
    ]);
    expect(pin('640x480@30 YUYV')?.formats.map((format) => format.fourcc)).toEqual([V4L2_PIX_FMT_YUYV]);
  });

  it('may be one that the camera has not', () => {
    for (const text of ['1920x1080', '1280x720@60', '1280x720@30 YUYV', '640x480 NV12']) expect(pin(text), text).toBeUndefined();
    expect(modesText(WEBCAM)).toBe('MJPG 1280x720, 640x480; YUYV 640x480, 1280x720');
  });
});
