// SPDX-License-Identifier: Apache-2.0
/** `struct v4l2_format` of the video types, in and out. */
import type { Colorimetry, PictureLayout } from '../../picture/index.ts';
import { V4L2_PIX_FMT_PRIV_MAGIC, v4l2_format } from '../../wire/index.ts';
import { isMultiplanar } from '../../wire/v4l2/buffer-type.ts';

/** What an application asks for in S_FMT, TRY_FMT or CREATE_BUFS. Every number is as the guest wrote it. */
export interface RequestedFormat {
  readonly type: number;
  readonly width: number;
  readonly height: number;
  readonly fourcc: number;
  readonly field: number;
  /** of the first plane */
  readonly bytesPerLine: number;
  /** of the first plane */
  readonly sizeImage: number;
  readonly colorimetry: Colorimetry;
  /** V4L2_PIX_FMT_FLAG_* */
  readonly flags: number;
}

/** What a queue's format is. */
export interface QueueFormat {
  readonly layout: PictureLayout;
  /** V4L2_FIELD_* */
  readonly field: number;
  readonly colorimetry: Colorimetry;
}

const F = v4l2_format.fields;
const PIX = F.fmt.fields.pix.fields;
const MP = F.fmt.fields.pix_mp.fields;

/**
 * Reads a format of a video type at `base`. The extended members of the single-planar struct only count if `priv` holds
 * the magic number (V4L2 documentation, "struct v4l2_pix_format").
 */
export function readFormat(view: DataView, base = 0): RequestedFormat {
  const type = F.type.get(view, base);
  if (isMultiplanar(type)) {
    const plane = MP.plane_fmt.at(0).fields;
    return {
      type,
      width: MP.width.get(view, base),
      height: MP.height.get(view, base),
      fourcc: MP.pixelformat.get(view, base),
      field: MP.field.get(view, base),
      bytesPerLine: plane.bytesperline.get(view, base),
      sizeImage: plane.sizeimage.get(view, base),
      colorimetry: {
        colorspace: MP.colorspace.get(view, base),
        ycbcrEnc: MP.ycbcr_enc.get(view, base),
        quantization: MP.quantization.get(view, base),
        xferFunc: MP.xfer_func.get(view, base),
      },
      flags: MP.flags.get(view, base),
    };
  }
  const extended = PIX.priv.get(view, base) === V4L2_PIX_FMT_PRIV_MAGIC;
  return {
    type,
    width: PIX.width.get(view, base),
    height: PIX.height.get(view, base),
    fourcc: PIX.pixelformat.get(view, base),
    field: PIX.field.get(view, base),
    bytesPerLine: PIX.bytesperline.get(view, base),
    sizeImage: PIX.sizeimage.get(view, base),
    colorimetry: {
      colorspace: PIX.colorspace.get(view, base),
      ycbcrEnc: extended ? PIX.ycbcr_enc.get(view, base) : 0,
      quantization: extended ? PIX.quantization.get(view, base) : 0,
      xferFunc: extended ? PIX.xfer_func.get(view, base) : 0,
    },
    flags: extended ? PIX.flags.get(view, base) : 0,
  };
}

/** Writes a format at `base`, every byte of it: reserved members and unused planes are 0. */
export function writeFormat(view: DataView, type: number, format: QueueFormat, base = 0): void {
  new Uint8Array(view.buffer, view.byteOffset + base, v4l2_format.size).fill(0);
  F.type.set(view, base, type);
  const { layout, field, colorimetry } = format;
  if (!isMultiplanar(type)) {
    PIX.width.set(view, base, layout.width);
    PIX.height.set(view, base, layout.height);
    PIX.pixelformat.set(view, base, layout.fourcc);
    PIX.field.set(view, base, field);
    PIX.bytesperline.set(view, base, bytesPerLine(layout, 0));
    PIX.sizeimage.set(view, base, layout.sizes[0] ?? 0);
    PIX.colorspace.set(view, base, colorimetry.colorspace);
    PIX.priv.set(view, base, V4L2_PIX_FMT_PRIV_MAGIC);
    PIX.ycbcr_enc.set(view, base, colorimetry.ycbcrEnc);
    PIX.quantization.set(view, base, colorimetry.quantization);
    PIX.xfer_func.set(view, base, colorimetry.xferFunc);
    return;
  }
  MP.width.set(view, base, layout.width);
  MP.height.set(view, base, layout.height);
  MP.pixelformat.set(view, base, layout.fourcc);
  MP.field.set(view, base, field);
  MP.colorspace.set(view, base, colorimetry.colorspace);
  MP.num_planes.set(view, base, layout.sizes.length);
  MP.ycbcr_enc.set(view, base, colorimetry.ycbcrEnc);
  MP.quantization.set(view, base, colorimetry.quantization);
  MP.xfer_func.set(view, base, colorimetry.xferFunc);
  for (const [i, size] of layout.sizes.entries()) {
    const fields = MP.plane_fmt.at(i).fields;
    fields.sizeimage.set(view, base, size);
    fields.bytesperline.set(view, base, bytesPerLine(layout, i));
  }
}

/** The stride of the first colour plane in a buffer: readers derive those of the other planes, and where they begin. */
function bytesPerLine(layout: PictureLayout, buffer: number): number {
  for (const colour of layout.colours) if (colour.buffer === buffer) return colour.stride;
  return 0;
}
