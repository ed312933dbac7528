// SPDX-License-Identifier: Apache-2.0
/**
 * The formats of a decoder session: coded on OUTPUT, raw on CAPTURE, and the rectangles between them.
 *
 * OUTPUT is the master (dev-decoder, "Commit Points"): setting it resets CAPTURE to a placeholder of the same size, which
 * holds until the stream itself has told. CAPTURE only ever chooses among the raw formats; there is no scaler, so its
 * size is the coded size, rounded up to whole macroblocks as hardware does: programs compute the places of planes, and
 * strides, from the size, and do it wrongly for odd ones (ffmpeg) and those that are not multiples of four (GStreamer).
 */

import { clamp, roundUp } from '../base/index.ts';
import {
  type Colorimetry,
  codedLayout,
  codedSize,
  type PictureLayout,
  pictureLayout,
  type Rect,
  validColorimetry,
} from '../picture/index.ts';
import type { StreamFormat } from '../ports/index.ts';
import type { QueueFormat, RequestedFormat } from '../v4l2/index.ts';
import {
  V4L2_COLORSPACE_REC709,
  V4L2_FIELD_NONE,
  V4L2_SEL_TGT_COMPOSE,
  V4L2_SEL_TGT_COMPOSE_BOUNDS,
  V4L2_SEL_TGT_COMPOSE_DEFAULT,
  V4L2_SEL_TGT_COMPOSE_PADDED,
  V4L2_SEL_TGT_CROP,
  V4L2_SEL_TGT_CROP_BOUNDS,
  V4L2_SEL_TGT_CROP_DEFAULT,
} from '../wire/index.ts';
import type { OfferedCodec } from './decoder-codecs.ts';
import { DeviceError } from './device-error.ts';

/** Smallest coded buffer that an application may ask for, bytes. */
export const MIN_CODED_BUFFER = 4096;

/** Width and height of CAPTURE are multiples of this. */
const MACROBLOCK = 16;

const NO_COLORIMETRY: Colorimetry = { colorspace: V4L2_COLORSPACE_REC709, ycbcrEnc: 0, quantization: 0, xferFunc: 0 };

/** Formats of one session. */
export class DecoderFormats {
  readonly #codecs: readonly OfferedCodec[];
  readonly #planeBytes: number;
  #codec: OfferedCodec;
  #output: QueueFormat;
  #capture: QueueFormat;
  #stream: StreamFormat | undefined;

  /** `codecs` has at least one; `planeBytes` bounds a plane. */
  constructor(codecs: readonly OfferedCodec[], planeBytes: number) {
    const [first] = codecs;
    if (first === undefined) throw new DeviceError('a decoder device without codecs: the factory must offer one that is known');
    this.#codecs = codecs;
    this.#planeBytes = planeBytes;
    this.#codec = first;
    this.#output = this.#codedFormat(first, 640, 480, 0, NO_COLORIMETRY);
    this.#capture = this.#rawFormat(undefined);
  }

  /** The codec that OUTPUT is set to. */
  get codec(): OfferedCodec {
    return this.#codec;
  }

  /** The format of OUTPUT. */
  get output(): QueueFormat {
    return this.#output;
  }

  /** The format of CAPTURE. */
  get capture(): QueueFormat {
    return this.#capture;
  }

  /** What the stream told; undefined before it did. */
  get stream(): StreamFormat | undefined {
    return this.#stream;
  }

  /** The format of OUTPUT nearest to the one asked for. */
  tryOutput(asked: RequestedFormat): QueueFormat {
    return this.#near(asked).format;
  }

  /** Sets OUTPUT; CAPTURE follows. */
  setOutput(asked: RequestedFormat): QueueFormat {
    const { codec, format } = this.#near(asked);
    this.#codec = codec;
    this.#output = format;
    this.#stream = undefined;
    this.#capture = this.#rawFormat(this.#capture.layout.fourcc);
    return format;
  }

  /** The format of CAPTURE nearest to the one asked for. */
  tryCapture(asked: RequestedFormat): QueueFormat {
    return this.#rawFormat(asked.fourcc);
  }

  /** Sets CAPTURE. */
  setCapture(asked: RequestedFormat): QueueFormat {
    this.#capture = this.tryCapture(asked);
    return this.#capture;
  }

  /** The layout of CAPTURE for a stream; undefined if its size exceeds the codec's limit or that of a plane. */
  layoutFor({ codedWidth, codedHeight }: StreamFormat): PictureLayout | undefined {
    const { maxWidth, maxHeight } = this.#codec.capability;
    const layout = blockLayout(this.#capture.layout.fourcc, codedWidth, codedHeight);
    const fits = layout?.sizes.every((size) => size <= this.#planeBytes) && codedWidth <= maxWidth && codedHeight <= maxHeight;
    return fits ? layout : undefined;
  }

  /** Adopts the size found in the bitstream, which is within the limits, for OUTPUT and CAPTURE. */
  follow(stream: StreamFormat): void {
    this.#stream = stream;
    const { codedWidth: width, codedHeight: height } = stream;
    this.#output = { ...this.#output, layout: { ...this.#output.layout, width, height } };
    this.#capture = this.#rawFormat(this.#capture.layout.fourcc);
  }

  /** Forgets what the stream told, as after REQBUFS(0) on OUTPUT; the formats stay until a new stream tells. */
  forget(): void {
    this.#stream = undefined;
  }

  /** The rectangle of a V4L2_SEL_TGT_* of CAPTURE; undefined: EINVAL. */
  selection(target: number): Rect | undefined {
    const { width, height } = this.#capture.layout;
    const coded = { left: 0, top: 0, width, height };
    switch (target) {
      case V4L2_SEL_TGT_CROP_BOUNDS:
      // The whole coded picture is written, with what lies outside the visible part.
      case V4L2_SEL_TGT_COMPOSE_PADDED:
        return coded;
      case V4L2_SEL_TGT_CROP:
      case V4L2_SEL_TGT_CROP_DEFAULT:
      case V4L2_SEL_TGT_COMPOSE:
      case V4L2_SEL_TGT_COMPOSE_BOUNDS:
      case V4L2_SEL_TGT_COMPOSE_DEFAULT:
        return this.#stream?.visible ?? { ...coded, width: this.#output.layout.width, height: this.#output.layout.height };
      default:
        return undefined;
    }
  }

  #near(asked: RequestedFormat): { codec: OfferedCodec; format: QueueFormat } {
    const codec = this.#codecs.find(({ fourcc }) => fourcc === asked.fourcc) ?? this.#codec;
    const colorspace = asked.colorimetry.colorspace || V4L2_COLORSPACE_REC709;
    const colorimetry = validColorimetry({ ...asked.colorimetry, colorspace });
    return { codec, format: this.#codedFormat(codec, asked.width, asked.height, asked.sizeImage, colorimetry) };
  }

  #codedFormat(codec: OfferedCodec, width: number, height: number, asked: number, colorimetry: Colorimetry): QueueFormat {
    const { minWidth, maxWidth, minHeight, maxHeight } = codec.capability;
    const size = { width: clamp(width, minWidth, maxWidth), height: clamp(height, minHeight, maxHeight) };
    const enough = codedSize(size.width, size.height);
    const sizeImage = clamp(asked === 0 ? enough : asked, MIN_CODED_BUFFER, this.#planeBytes);
    const layout = codedLayout(codec.fourcc, size.width, size.height, sizeImage);
    return { layout, colorimetry, field: V4L2_FIELD_NONE };
  }

  #rawFormat(asked: number | undefined): QueueFormat {
    const { outputs } = this.#codec.capability;
    const fourcc = outputs.find((output) => output === asked) ?? outputs[0] ?? 0;
    const { width, height } = this.#output.layout;
    const layout = blockLayout(fourcc, width, height);
    if (layout === undefined)
      throw new DeviceError(`no layout for format ${fourcc} at ${width}x${height}: check the capabilities`);
    const { colorimetry: own } = this.#output;
    const told = this.#stream?.colorimetry;
    const colorimetry = {
      colorspace: told?.colorspace || own.colorspace,
      ycbcrEnc: told?.ycbcrEnc || own.ycbcrEnc,
      quantization: told?.quantization || own.quantization,
      xferFunc: told?.xferFunc || own.xferFunc,
    };
    return { layout, colorimetry, field: this.#stream?.field || V4L2_FIELD_NONE };
  }
}

/** The layout of pictures of whole macroblocks; undefined for an unknown format. */
function blockLayout(fourcc: number, width: number, height: number): PictureLayout | undefined {
  const whole = (size: number): number => roundUp(size, MACROBLOCK);
  return pictureLayout(fourcc, whole(width), whole(height));
}

/** True if nothing differs that counts as a change of resolution (dev-decoder, "Dynamic Resolution Change"). */
export function sameResolution(a: StreamFormat, b: StreamFormat): boolean {
  const [v, w] = [a.visible, b.visible];
  return (
    a.codedWidth === b.codedWidth &&
    a.codedHeight === b.codedHeight &&
    a.minBuffers === b.minBuffers &&
    v.left === w.left &&
    v.top === w.top &&
    v.width === w.width &&
    v.height === w.height
  );
}

/** True if buffers of one layout hold pictures of the other in the same places. */
export function sameLayout(a: PictureLayout, b: PictureLayout): boolean {
  return a.fourcc === b.fourcc && a.width === b.width && a.height === b.height;
}
