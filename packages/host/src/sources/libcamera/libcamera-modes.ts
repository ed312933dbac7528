// SPDX-License-Identifier: Apache-2.0
import {
  fourccName,
  type PictureSize,
  type SourceControl,
  type SourceModes,
  V4L2_CID_CAMERA_ORIENTATION,
  V4L2_CID_CAMERA_SENSOR_ROTATION,
  V4L2_COLORSPACE_SRGB,
  V4L2_PIX_FMT_YUV420,
} from '@paravideo/core';
import type { CamDescription } from './cam-text.ts';

/** Pixels of a picture that is asked for by nobody, at most. */
const USUAL_AREA = 1280 * 720;

/** A camera that was never seen. */
export const UNSEEN: CamDescription = {
  formats: [{ fourcc: V4L2_PIX_FMT_YUV420, name: 'YUV420', sizes: [{ width: 1280, height: 720 }] }],
  size: undefined,
  model: undefined,
  location: undefined,
  rotation: 0,
};

/** What a camera of libcamera brings. `cam` does not say how many frames a second: `fps` is believed. */
export function libcameraModes({ formats, size }: CamDescription, card: string, fps: number): SourceModes {
  const interval = { numerator: 1, denominator: fps };
  return {
    card,
    formats: formats.map(({ fourcc }) => fourcc),
    defaultSize: usualSize(formats[0]?.sizes ?? [], size),
    defaultInterval: interval,
    colorimetry: { colorspace: V4L2_COLORSPACE_SRGB, ycbcrEnc: 0, quantization: 0, xferFunc: 0 },
    sizes: (fourcc) => ({ kind: 'discrete', sizes: formats.find((format) => format.fourcc === fourcc)?.sizes ?? [] }),
    intervals: () => ({ kind: 'discrete', intervals: [interval] }),
  };
}

/** Where a camera is and how it is turned, as V4L2 says it. */
export function libcameraControls({ location, rotation }: CamDescription): readonly SourceControl[] {
  const turned: SourceControl = {
    id: V4L2_CID_CAMERA_SENSOR_ROTATION,
    type: 'integer',
    name: 'Camera Sensor Rotation',
    minimum: rotation,
    maximum: rotation,
    step: 1,
    default: rotation,
    readOnly: true,
  };
  if (location === undefined) return [turned];
  const placed: SourceControl = {
    id: V4L2_CID_CAMERA_ORIENTATION,
    type: 'menu',
    name: 'Camera Orientation',
    minimum: 0,
    maximum: 2,
    step: 1,
    default: location,
    menu: ['Front', 'Back', 'External'],
    readOnly: true,
  };
  return [placed, turned];
}

/** For the log. */
export function describeFormats({ formats }: CamDescription): string {
  return formats.map(({ fourcc, sizes }) => `${fourccName(fourcc)} in ${sizes.length} sizes`).join(', ');
}

/** Its own where that is no larger than usual, else the largest one that is not. */
function usualSize(sizes: readonly PictureSize[], own: PictureSize | undefined): PictureSize {
  const area = ({ width, height }: PictureSize): number => width * height;
  const same = sizes.find(({ width, height }) => width === own?.width && height === own.height);
  if (same !== undefined && area(same) <= USUAL_AREA) return same;
  const shape = (size: PictureSize): number =>
    own === undefined ? 0 : Math.abs(size.width / size.height - own.width / own.height);
  const [best] = sizes
    .filter((size) => area(size) <= USUAL_AREA)
    .toSorted((a, b) => Math.round(20 * shape(a)) - Math.round(20 * shape(b)) || area(b) - area(a));
  return best ?? sizes[0] ?? { width: 1280, height: 720 };
}
