// SPDX-License-Identifier: Apache-2.0
import {
  type Colorimetry,
  type ControlPort,
  type Fraction,
  type PictureSize,
  type SizeRange,
  type SourceControl,
  type SourceModes,
  V4L2_CID_BRIGHTNESS,
  V4L2_CID_CONTRAST,
  V4L2_CID_HFLIP,
  V4L2_CID_HUE,
  V4L2_CID_SATURATION,
  V4L2_CID_TEST_PATTERN,
  V4L2_CID_VFLIP,
  V4L2_COLORSPACE_REC709,
  V4L2_COLORSPACE_SMPTE170M,
  V4L2_PIX_FMT_BGR24,
  V4L2_PIX_FMT_GREY,
  V4L2_PIX_FMT_NV12,
  V4L2_PIX_FMT_NV12M,
  V4L2_PIX_FMT_NV21,
  V4L2_PIX_FMT_RGB24,
  V4L2_PIX_FMT_RGBX32,
  V4L2_PIX_FMT_UYVY,
  V4L2_PIX_FMT_XBGR32,
  V4L2_PIX_FMT_YUV420,
  V4L2_PIX_FMT_YUV420M,
  V4L2_PIX_FMT_YUYV,
  V4L2_PIX_FMT_YVU420,
  V4L2_QUANTIZATION_DEFAULT,
  V4L2_XFER_FUNC_709,
  V4L2_YCBCR_ENC_601,
  V4L2_YCBCR_ENC_709,
} from '@paravideo/core';
import type { ColourMatrix } from './colour.ts';
import type { PatternSettings } from './renderer.ts';
import { SCENES } from './scene.ts';

/** V4L2 pixel formats of the test pattern, the preferred one first. */
export const PATTERN_FORMATS: readonly number[] = [
  V4L2_PIX_FMT_NV12,
  V4L2_PIX_FMT_YUYV,
  V4L2_PIX_FMT_NV12M,
  V4L2_PIX_FMT_YUV420,
  V4L2_PIX_FMT_YUV420M,
  V4L2_PIX_FMT_YVU420,
  V4L2_PIX_FMT_NV21,
  V4L2_PIX_FMT_UYVY,
  V4L2_PIX_FMT_RGB24,
  V4L2_PIX_FMT_BGR24,
  V4L2_PIX_FMT_XBGR32,
  V4L2_PIX_FMT_RGBX32,
  V4L2_PIX_FMT_GREY,
];

/** Sizes of the test pattern; the smallest still holds the text. */
export const PATTERN_SIZES: SizeRange = {
  minWidth: 96,
  maxWidth: 4096,
  stepWidth: 2,
  minHeight: 64,
  maxHeight: 2160,
  stepHeight: 2,
};

/** Sizes that programs ask for: those of webcams, and of television. */
const COMMON_SIZES: readonly PictureSize[] = [
  { width: 160, height: 120 },
  { width: 176, height: 144 },
  { width: 320, height: 180 },
  { width: 320, height: 240 },
  { width: 352, height: 288 },
  { width: 640, height: 360 },
  { width: 640, height: 480 },
  { width: 800, height: 600 },
  { width: 960, height: 540 },
  { width: 1024, height: 768 },
  { width: 1280, height: 720 },
  { width: 1280, height: 960 },
  { width: 1920, height: 1080 },
  { width: 2560, height: 1440 },
  { width: 3840, height: 2160 },
];

/** What the pictures declare: quantization "default" means full range for R'G'B' and limited range for everything else, and so they are. */
const COLORIMETRY: Readonly<Record<ColourMatrix, Colorimetry>> = {
  rec709: {
    colorspace: V4L2_COLORSPACE_REC709,
    ycbcrEnc: V4L2_YCBCR_ENC_709,
    quantization: V4L2_QUANTIZATION_DEFAULT,
    xferFunc: V4L2_XFER_FUNC_709,
  },
  rec601: {
    colorspace: V4L2_COLORSPACE_SMPTE170M,
    ycbcrEnc: V4L2_YCBCR_ENC_601,
    quantization: V4L2_QUANTIZATION_DEFAULT,
    xferFunc: V4L2_XFER_FUNC_709,
  },
};

function integer(id: number, name: string, minimum: number, maximum: number, value: number): SourceControl {
  return { id, type: 'integer', name, minimum, maximum, step: 1, default: value };
}

function boolean(id: number, name: string): SourceControl {
  return { id, type: 'boolean', name, minimum: 0, maximum: 1, step: 1, default: 0 };
}

/** The controls of a test pattern that shows a scene, by its number, at first; with V4L2's standard ids and names. */
export const patternControls = (scene: number): readonly SourceControl[] => [
  integer(V4L2_CID_BRIGHTNESS, 'Brightness', 0, 255, 128),
  integer(V4L2_CID_CONTRAST, 'Contrast', 0, 255, 128),
  integer(V4L2_CID_SATURATION, 'Saturation', 0, 255, 128),
  integer(V4L2_CID_HUE, 'Hue', -180, 180, 0),
  boolean(V4L2_CID_HFLIP, 'Horizontal Flip'),
  boolean(V4L2_CID_VFLIP, 'Vertical Flip'),
  {
    id: V4L2_CID_TEST_PATTERN,
    type: 'menu',
    name: 'Test Pattern',
    minimum: 0,
    maximum: SCENES.length - 1,
    step: 1,
    default: scene,
    menu: SCENES.map((scene) => scene.name),
  },
];

/** The frames of a test pattern. */
export function patternModes(
  card: string,
  matrix: ColourMatrix,
  size: PictureSize = { width: 1280, height: 720 },
  interval: Fraction = { numerator: 1, denominator: 30 },
): SourceModes {
  return {
    card,
    formats: PATTERN_FORMATS,
    defaultSize: size,
    commonSizes: COMMON_SIZES,
    defaultInterval: interval,
    colorimetry: COLORIMETRY[matrix],
    sizes: () => ({ kind: 'stepwise', range: PATTERN_SIZES }),
    intervals: () => ({ kind: 'continuous', min: { numerator: 1, denominator: 120 }, max: { numerator: 1, denominator: 5 } }),
  };
}

/** The values of the controls as the renderer takes them. */
export function patternSettings(controls: Pick<ControlPort, 'get'>): PatternSettings {
  return {
    pattern: controls.get(V4L2_CID_TEST_PATTERN),
    brightness: controls.get(V4L2_CID_BRIGHTNESS),
    contrast: controls.get(V4L2_CID_CONTRAST),
    saturation: controls.get(V4L2_CID_SATURATION),
    hue: controls.get(V4L2_CID_HUE),
    hflip: controls.get(V4L2_CID_HFLIP) !== 0,
    vflip: controls.get(V4L2_CID_VFLIP) !== 0,
  };
}
