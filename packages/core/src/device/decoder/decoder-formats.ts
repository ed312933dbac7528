// SPDX-License-Identifier: Apache-2.0
/**
 * The formats of a decoder session: `DecoderParameters` as V4L2 shows them, coded on OUTPUT and raw on CAPTURE, with their
 * colours, and the rectangles between them. OUTPUT is the master (dev-decoder, "Commit Points").
 */
import { type Colorimetry, type Fraction, type PictureLayout, type Rect, validColorimetry } from '../../picture/index.ts';
import type { DecoderCapability, StreamFormat } from '../../ports/index.ts';
import { DecoderParameters } from '../../stream/index.ts';
import type { QueueFormat, RequestedFormat } from '../../v4l2/index.ts';
import {
  V4L2_COLORSPACE_REC709,
  V4L2_FIELD_NONE,
  V4L2_FMT_FLAG_DYN_RESOLUTION,
  V4L2_SEL_TGT_COMPOSE,
  V4L2_SEL_TGT_COMPOSE_BOUNDS,
  V4L2_SEL_TGT_COMPOSE_DEFAULT,
  V4L2_SEL_TGT_COMPOSE_PADDED,
  V4L2_SEL_TGT_CROP,
  V4L2_SEL_TGT_CROP_BOUNDS,
  V4L2_SEL_TGT_CROP_DEFAULT,
} from '../../wire/index.ts';
import { DeviceError } from '../framework/device-error.ts';
import type { OfferedCodec } from '../m2m/codec-menus.ts';
import type { M2mFormats } from '../m2m/m2m-formats.ts';

/** A codec that can be decoded. */
export type DecodedCodec = OfferedCodec<DecoderCapability>;

/** the shape of a pixel of which nothing is known */
const SQUARE: Fraction = { numerator: 1, denominator: 1 };

const NO_COLORIMETRY: Colorimetry = { colorspace: V4L2_COLORSPACE_REC709, ycbcrEnc: 0, quantization: 0, xferFunc: 0 };

/** Formats of one session. */
export class DecoderFormats implements M2mFormats {
  readonly codecs: readonly DecodedCodec[];
  /** a stream may change its resolution */
  readonly codedFlags = V4L2_FMT_FLAG_DYN_RESOLUTION;
  readonly #parameters: DecoderParameters<DecodedCodec>;
  /** colours that OUTPUT was set to, and those of CAPTURE with its field: of the stream once it told, also when that is forgotten */
  #codedColours = NO_COLORIMETRY;
  #shown: Omit<QueueFormat, 'layout'>;

  /** `codecs` has at least one; `planeBytes` bounds a plane. */
  constructor(codecs: readonly DecodedCodec[], planeBytes: number) {
    if (codecs.length === 0) throw new DeviceError('a decoder device without codecs: the factory must offer one that is known');
    this.codecs = codecs;
    this.#parameters = new DecoderParameters(codecs, planeBytes);
    this.#shown = this.#colours();
  }

  /** The codec that OUTPUT is set to. */
  get codec(): DecodedCodec {
    return this.#parameters.codec;
  }

  /** The format of OUTPUT. */
  get coded(): QueueFormat {
    return { layout: this.#parameters.coded, colorimetry: this.#codedColours, field: V4L2_FIELD_NONE };
  }

  /** The format of CAPTURE. */
  get raw(): QueueFormat {
    return { layout: this.#parameters.raw, ...this.#shown };
  }

  /** What the stream told; undefined before it did. */
  get stream(): StreamFormat | undefined {
    return this.#parameters.stream;
  }

  /** The format of OUTPUT nearest to the one asked for. */
  tryCoded(asked: RequestedFormat): QueueFormat {
    const layout = this.#parameters.nearestCoded(asked);
    return { layout, colorimetry: coloursOf(asked), field: V4L2_FIELD_NONE };
  }

  /** Sets OUTPUT; CAPTURE follows. */
  setCoded(asked: RequestedFormat): QueueFormat {
    this.#parameters.setCoded(asked);
    this.#codedColours = coloursOf(asked);
    this.#shown = this.#colours();
    return this.coded;
  }

  /** The format of CAPTURE nearest to the one asked for. */
  tryRaw(asked: RequestedFormat): QueueFormat {
    return { layout: this.#parameters.nearestRaw(asked.fourcc), ...this.#colours() };
  }

  /** Sets CAPTURE. */
  setRaw(asked: RequestedFormat): QueueFormat {
    this.#parameters.setRaw(asked.fourcc);
    this.#shown = this.#colours();
    return this.raw;
  }

  /** The layout of CAPTURE for a stream; undefined if its size exceeds the codec's limit or that of a plane. */
  layoutFor(stream: StreamFormat): PictureLayout | undefined {
    return this.#parameters.layoutFor(stream);
  }

  /** Adopts the size found in the bitstream, which is within the limits, for OUTPUT and CAPTURE. */
  follow(stream: StreamFormat): void {
    this.#parameters.follow(stream);
    this.#shown = this.#colours();
  }

  /** Forgets what the stream told, as after REQBUFS(0) on OUTPUT; the formats stay until a new stream tells. */
  forget(): void {
    this.#parameters.forget();
  }

  get pixelAspect(): Fraction {
    return this.stream?.pixelAspect ?? SQUARE;
  }

  /** The rectangle of a V4L2_SEL_TGT_* of CAPTURE; undefined: EINVAL. */
  selection(target: number): Rect | undefined {
    const { width, height } = this.#parameters.raw;
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
        return this.stream?.visible ?? { ...coded, width: this.#parameters.coded.width, height: this.#parameters.coded.height };
      default:
        return undefined;
    }
  }

  /** There is no scaler: the nearest rectangle to any asked for is the visible one. */
  nearestSelection(target: number): Rect | undefined {
    return target === V4L2_SEL_TGT_COMPOSE || target === V4L2_SEL_TGT_CROP ? this.selection(target) : undefined;
  }

  /** Colours and field of CAPTURE: what the stream told, and where it did not, what OUTPUT was set to. */
  #colours(): Omit<QueueFormat, 'layout'> {
    const own = this.#codedColours;
    const told = this.stream?.colorimetry;
    const colorimetry = {
      colorspace: told?.colorspace || own.colorspace,
      ycbcrEnc: told?.ycbcrEnc || own.ycbcrEnc,
      quantization: told?.quantization || own.quantization,
      xferFunc: told?.xferFunc || own.xferFunc,
    };
    return { colorimetry, field: this.stream?.field || V4L2_FIELD_NONE };
  }
}

function coloursOf({ colorimetry }: RequestedFormat): Colorimetry {
  return validColorimetry({ ...colorimetry, colorspace: colorimetry.colorspace || V4L2_COLORSPACE_REC709 });
}
