// SPDX-License-Identifier: Apache-2.0
/**
 * What a stream that is decoded is set to: the codec, the size and the bytes of its coded buffers, the layout of its pictures.
 *
 * The coded side is the master: setting it resets the size of pictures to the same, which holds until the stream itself has
 * told. Of pictures only the format can be chosen. There is no scaler, so their size is the coded size, rounded up to whole
 * macroblocks as hardware does: programs compute the places of planes, and strides, from the size, and do it wrongly for odd
 * ones (ffmpeg) and those that are not multiples of four (GStreamer).
 */
import { clamp, roundUp } from '../base/index.ts';
import { codedLayout, codedSize, type PictureLayout, pictureLayout } from '../picture/index.ts';
import type { DecoderCapability, StreamFormat } from '../ports/index.ts';
import { StreamError } from './stream-error.ts';

/** Smallest coded buffer that may be asked for, bytes. */
export const MIN_CODED_BUFFER = 4096;

/** Width and height of pictures are multiples of this. */
const MACROBLOCK = 16;

/** The size of a stream of which nothing is known. */
const UNKNOWN_SIZE = { width: 640, height: 480 };

/** A codec that can be chosen. */
export interface StreamCodec {
  /** pixel format of the coded stream */
  readonly fourcc: number;
  readonly capability: DecoderCapability;
  /** pixel formats of its pictures, preferred first: of `capability.outputs` those that its user knows */
  readonly rawFormats: readonly number[];
}

/** What is asked for on the coded side. A codec that is not known is none, and 0 bytes are as many as the size may need. */
export interface CodedRequest {
  readonly fourcc: number;
  readonly width: number;
  readonly height: number;
  readonly sizeImage: number;
}

/** Parameters of one stream. Each codec is one of those that were given, with whatever more its user keeps there. */
export class DecoderParameters<C extends StreamCodec> {
  readonly #codecs: readonly C[];
  readonly #bufferBytes: number;
  #codec: C;
  #coded: PictureLayout;
  #raw: PictureLayout;
  #stream: StreamFormat | undefined;

  /** `bufferBytes` bounds a buffer of either side. Throws `StreamError` without a codec. */
  constructor(codecs: readonly C[], bufferBytes: number) {
    const [first] = codecs;
    if (first === undefined) throw new StreamError('a decoder without codecs: the factory must offer one that is known');
    this.#codecs = codecs;
    this.#bufferBytes = bufferBytes;
    this.#codec = first;
    this.#coded = this.nearestCoded({ fourcc: first.fourcc, ...UNKNOWN_SIZE, sizeImage: 0 });
    this.#raw = this.nearestRaw(0);
  }

  /** The codec that is set. */
  get codec(): C {
    return this.#codec;
  }

  /** Coded buffers: the codec's fourcc, the size, the bytes. */
  get coded(): PictureLayout {
    return this.#coded;
  }

  /** Pictures. */
  get raw(): PictureLayout {
    return this.#raw;
  }

  /** What the stream told; undefined before it did. */
  get stream(): StreamFormat | undefined {
    return this.#stream;
  }

  /** What the coded side would be set to: the codec asked for or else the present one, and the nearest size that it has. */
  nearestCoded({ fourcc, width, height, sizeImage }: CodedRequest): PictureLayout {
    const codec = this.#codecOf(fourcc);
    const { minWidth, maxWidth, minHeight, maxHeight } = codec.capability;
    const size = { width: clamp(width, minWidth, maxWidth), height: clamp(height, minHeight, maxHeight) };
    const asked = sizeImage === 0 ? codedSize(size.width, size.height) : sizeImage;
    return codedLayout(codec.fourcc, size.width, size.height, clamp(asked, MIN_CODED_BUFFER, this.#bufferBytes));
  }

  /** Sets the coded side; pictures follow, and what the stream told is forgotten. */
  setCoded(asked: CodedRequest): void {
    this.#coded = this.nearestCoded(asked);
    this.#codec = this.#codecOf(this.#coded.fourcc);
    this.#stream = undefined;
    this.#raw = this.nearestRaw(this.#raw.fourcc);
  }

  /** What pictures would be set to: the format asked for if the codec has it, or else the one that it prefers. */
  nearestRaw(asked: number): PictureLayout {
    const { rawFormats } = this.#codec;
    const fourcc = rawFormats.find((format) => format === asked) ?? rawFormats[0] ?? 0;
    const { width, height } = this.#coded;
    const layout = blockLayout(fourcc, width, height);
    if (layout === undefined)
      throw new StreamError(`no layout for format ${fourcc} at ${width}x${height}: check the capabilities`);
    return layout;
  }

  /** Sets the format of pictures. */
  setRaw(fourcc: number): void {
    this.#raw = this.nearestRaw(fourcc);
  }

  /** The layout of the pictures of a stream; undefined if its size exceeds the codec's limit or that of a buffer. */
  layoutFor({ codedWidth, codedHeight }: StreamFormat): PictureLayout | undefined {
    const { maxWidth, maxHeight } = this.#codec.capability;
    if (codedWidth > maxWidth || codedHeight > maxHeight) return undefined;
    const layout = blockLayout(this.#raw.fourcc, codedWidth, codedHeight);
    return layout?.sizes.every((size) => size <= this.#bufferBytes) ? layout : undefined;
  }

  /** Adopts the size found in the stream, which is within the limits, for both sides. */
  follow(stream: StreamFormat): void {
    this.#stream = stream;
    this.#coded = { ...this.#coded, width: stream.codedWidth, height: stream.codedHeight };
    this.#raw = this.nearestRaw(this.#raw.fourcc);
  }

  /** Forgets what the stream told; sizes and formats stay until a new stream tells. */
  forget(): void {
    this.#stream = undefined;
  }

  #codecOf(fourcc: number): C {
    return this.#codecs.find((codec) => codec.fourcc === fourcc) ?? this.#codec;
  }
}

/** The layout of pictures of whole macroblocks; undefined for an unknown format. */
function blockLayout(fourcc: number, width: number, height: number): PictureLayout | undefined {
  return pictureLayout(fourcc, roundUp(width, MACROBLOCK), roundUp(height, MACROBLOCK));
}

/** True if nothing differs for which buffers have to be made again, or pictures are shown otherwise. */
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
