// SPDX-License-Identifier: Apache-2.0
/** Formats, sizes, intervals, rectangles and inputs of V4L2 as plain objects. */

import { type Fraction, type PictureLayout, type Rect, type SizeRange, toldLayout } from '../../picture/index.ts';
import { decodeUtf8 } from '../../wire/text.ts';
import { isMultiplanar } from '../../wire/v4l2/buffer-type.ts';
import {
  v4l2_fmtdesc,
  v4l2_format,
  type v4l2_fract,
  v4l2_frmivalenum,
  v4l2_frmsizeenum,
  v4l2_input,
  v4l2_output,
  type v4l2_rect,
} from '../../wire/v4l2/videodev2.ts';
import { V4L2_FRMIVAL_TYPE_DISCRETE, V4L2_FRMSIZE_TYPE_DISCRETE } from '../../wire/v4l2/videodev2-constants.gen.ts';

/** One memory plane of a format. */
export interface FormatPlane {
  readonly bytesPerLine: number;
  readonly sizeImage: number;
}

/** `struct v4l2_format`, single- or multi-planar. */
export interface DriverFormat {
  /** V4L2_BUF_TYPE_* */
  readonly type: number;
  readonly width: number;
  readonly height: number;
  readonly pixelformat: number;
  readonly field: number;
  readonly colorspace: number;
  readonly flags: number;
  readonly ycbcrEnc: number;
  readonly quantization: number;
  readonly xferFunc: number;
  /** one for a single-planar type */
  readonly planes: readonly FormatPlane[];
}

/** What S_FMT and TRY_FMT take: what is left out is 0. */
export type FormatRequest = Pick<DriverFormat, 'type'> & Partial<DriverFormat>;

/** `struct v4l2_fmtdesc` */
export interface FormatDescription {
  readonly index: number;
  readonly type: number;
  readonly pixelformat: number;
  readonly flags: number;
  readonly description: string;
}

/** `struct v4l2_frmsizeenum` */
export type FrameSize =
  | { readonly kind: 'discrete'; readonly width: number; readonly height: number }
  | ({ readonly kind: 'stepwise' } & SizeRange);

/** `struct v4l2_frmivalenum`, in seconds */
export type FrameInterval =
  | { readonly kind: 'discrete'; readonly interval: Fraction }
  | { readonly kind: 'stepwise'; readonly min: Fraction; readonly max: Fraction; readonly step: Fraction };

/** `struct v4l2_input` */
export interface InputDescription {
  readonly index: number;
  readonly name: string;
  /** V4L2_INPUT_TYPE_* */
  readonly type: number;
  readonly status: number;
  readonly capabilities: number;
}

/** An output of the device (VIDIOC_ENUMOUTPUT). */
export interface OutputDescription {
  readonly index: number;
  readonly name: string;
  /** V4L2_OUTPUT_TYPE_* */
  readonly type: number;
  readonly capabilities: number;
}

/** Writes a format at `base`; the bytes there are zero. */
export function encodeFormat(f: FormatRequest, view: DataView, base: number): void {
  const at = v4l2_format.fields;
  at.type.set(view, base, f.type);
  if (isMultiplanar(f.type)) {
    const mp = at.fmt.fields.pix_mp.fields;
    mp.width.set(view, base, f.width ?? 0);
    mp.height.set(view, base, f.height ?? 0);
    mp.pixelformat.set(view, base, f.pixelformat ?? 0);
    mp.field.set(view, base, f.field ?? 0);
    mp.colorspace.set(view, base, f.colorspace ?? 0);
    mp.num_planes.set(view, base, f.planes?.length ?? 0);
    mp.flags.set(view, base, f.flags ?? 0);
    mp.ycbcr_enc.set(view, base, f.ycbcrEnc ?? 0);
    mp.quantization.set(view, base, f.quantization ?? 0);
    mp.xfer_func.set(view, base, f.xferFunc ?? 0);
    (f.planes ?? []).forEach((plane, i) => {
      const to = mp.plane_fmt.at(i).fields;
      to.bytesperline.set(view, base, plane.bytesPerLine);
      to.sizeimage.set(view, base, plane.sizeImage);
    });
    return;
  }
  const pix = at.fmt.fields.pix.fields;
  pix.width.set(view, base, f.width ?? 0);
  pix.height.set(view, base, f.height ?? 0);
  pix.pixelformat.set(view, base, f.pixelformat ?? 0);
  pix.field.set(view, base, f.field ?? 0);
  pix.bytesperline.set(view, base, f.planes?.[0]?.bytesPerLine ?? 0);
  pix.sizeimage.set(view, base, f.planes?.[0]?.sizeImage ?? 0);
  pix.colorspace.set(view, base, f.colorspace ?? 0);
  // The colorimetry members only count with the magic number in priv, V4L2_PIX_FMT_PRIV_MAGIC.
  pix.priv.set(view, base, PRIV_MAGIC);
  pix.flags.set(view, base, f.flags ?? 0);
  pix.ycbcr_enc.set(view, base, f.ycbcrEnc ?? 0);
  pix.quantization.set(view, base, f.quantization ?? 0);
  pix.xfer_func.set(view, base, f.xferFunc ?? 0);
}

const PRIV_MAGIC = 0xfeedcafe;

/** Reads a format at `base`. */
export function decodeFormat(view: DataView, base = 0): DriverFormat {
  const at = v4l2_format.fields;
  const type = at.type.get(view, base);
  if (isMultiplanar(type)) {
    const mp = at.fmt.fields.pix_mp.fields;
    const planes: FormatPlane[] = [];
    for (let i = 0; i < Math.min(8, mp.num_planes.get(view, base)); i++) {
      const from = mp.plane_fmt.at(i).fields;
      planes.push({ bytesPerLine: from.bytesperline.get(view, base), sizeImage: from.sizeimage.get(view, base) });
    }
    return {
      type,
      width: mp.width.get(view, base),
      height: mp.height.get(view, base),
      pixelformat: mp.pixelformat.get(view, base),
      field: mp.field.get(view, base),
      colorspace: mp.colorspace.get(view, base),
      flags: mp.flags.get(view, base),
      ycbcrEnc: mp.ycbcr_enc.get(view, base),
      quantization: mp.quantization.get(view, base),
      xferFunc: mp.xfer_func.get(view, base),
      planes,
    };
  }
  const pix = at.fmt.fields.pix.fields;
  return {
    type,
    width: pix.width.get(view, base),
    height: pix.height.get(view, base),
    pixelformat: pix.pixelformat.get(view, base),
    field: pix.field.get(view, base),
    colorspace: pix.colorspace.get(view, base),
    flags: pix.flags.get(view, base),
    ycbcrEnc: pix.ycbcr_enc.get(view, base),
    quantization: pix.quantization.get(view, base),
    xferFunc: pix.xfer_func.get(view, base),
    planes: [{ bytesPerLine: pix.bytesperline.get(view, base), sizeImage: pix.sizeimage.get(view, base) }],
  };
}

/** How pictures of a format lie in memory. */
export function layoutOf({ pixelformat, width, height, planes }: DriverFormat): PictureLayout {
  const strides = planes.map(({ bytesPerLine }) => bytesPerLine);
  const sizes = planes.map(({ sizeImage }) => sizeImage);
  return toldLayout(pixelformat, width, height, strides, sizes);
}

/** Reads a format description. */
export function decodeFormatDescription(view: DataView): FormatDescription {
  const at = v4l2_fmtdesc.fields;
  return {
    index: at.index.get(view, 0),
    type: at.type.get(view, 0),
    pixelformat: at.pixelformat.get(view, 0),
    flags: at.flags.get(view, 0),
    description: decodeUtf8(at.description.get(view, 0)),
  };
}

/** Reads a frame size; a continuous range is a stepwise one with steps of 1, as V4L2 says. */
export function decodeFrameSize(view: DataView): FrameSize {
  const at = v4l2_frmsizeenum.fields;
  const size = at.anon.fields;
  if (at.type.get(view, 0) === V4L2_FRMSIZE_TYPE_DISCRETE) {
    return { kind: 'discrete', width: size.discrete.fields.width.get(view, 0), height: size.discrete.fields.height.get(view, 0) };
  }
  const s = size.stepwise.fields;
  return {
    kind: 'stepwise',
    minWidth: s.min_width.get(view, 0),
    maxWidth: s.max_width.get(view, 0),
    stepWidth: s.step_width.get(view, 0),
    minHeight: s.min_height.get(view, 0),
    maxHeight: s.max_height.get(view, 0),
    stepHeight: s.step_height.get(view, 0),
  };
}

type FractionAt = { readonly fields: (typeof v4l2_fract)['fields'] };

const fraction = (at: FractionAt, view: DataView): Fraction => ({
  numerator: at.fields.numerator.get(view, 0),
  denominator: at.fields.denominator.get(view, 0),
});

/** Reads a frame interval. */
export function decodeFrameInterval(view: DataView): FrameInterval {
  const at = v4l2_frmivalenum.fields;
  const value = at.anon.fields;
  if (at.type.get(view, 0) === V4L2_FRMIVAL_TYPE_DISCRETE) return { kind: 'discrete', interval: fraction(value.discrete, view) };
  const s = value.stepwise.fields;
  return { kind: 'stepwise', min: fraction(s.min, view), max: fraction(s.max, view), step: fraction(s.step, view) };
}

/** Reads an input. */
export function decodeInput(view: DataView): InputDescription {
  const at = v4l2_input.fields;
  return {
    index: at.index.get(view, 0),
    name: decodeUtf8(at.name.get(view, 0)),
    type: at.type.get(view, 0),
    status: at.status.get(view, 0),
    capabilities: at.capabilities.get(view, 0),
  };
}

/** Reads a `struct v4l2_output`. */
export function decodeOutput(view: DataView): OutputDescription {
  const at = v4l2_output.fields;
  return {
    index: at.index.get(view, 0),
    name: decodeUtf8(at.name.get(view, 0)),
    type: at.type.get(view, 0),
    capabilities: at.capabilities.get(view, 0),
  };
}

type RectAt = { readonly fields: (typeof v4l2_rect)['fields'] };

/** Reads a rectangle of a struct at 0. */
export function decodeRect(at: RectAt, view: DataView): Rect {
  return {
    left: at.fields.left.get(view, 0),
    top: at.fields.top.get(view, 0),
    width: at.fields.width.get(view, 0),
    height: at.fields.height.get(view, 0),
  };
}

/** Writes a rectangle of a struct at 0. */
export function encodeRect(at: RectAt, view: DataView, rect: Rect): void {
  at.fields.left.set(view, 0, rect.left);
  at.fields.top.set(view, 0, rect.top);
  at.fields.width.set(view, 0, rect.width);
  at.fields.height.set(view, 0, rect.height);
}
