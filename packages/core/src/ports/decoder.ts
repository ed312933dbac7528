// SPDX-License-Identifier: Apache-2.0
/**
 * A video decoder for one stream, as its adapter sees it. It owns no buffers: coded input and picture memory are lent
 * to it by number and come back through events, each exactly once, unless `flush`, `recall` or `failed` ends the loan.
 *
 * Order: events come in the order of the stream. After `format` no picture of the new format comes until
 * `setOutput` was called; pictures of the old format have all come before it.
 * Back-pressure: with no picture memory the decoder stops taking input.
 */
import type { Colorimetry, Fraction, PictureLayout, Rect } from '../picture/index.ts';
import type { BufferMemory } from './buffer-memory.ts';
import type { Codec, CodecEvents, CodecId } from './codec.ts';

/** What one codec of a decoder can do. Sizes in pixels. `outputs`: V4L2 raw pixel formats (numbers), preferred first. */
export interface DecoderCapability {
  readonly codec: CodecId;
  readonly minWidth: number;
  readonly minHeight: number;
  readonly maxWidth: number;
  readonly maxHeight: number;
  readonly outputs: readonly number[];
  /** V4L2_MPEG_VIDEO_* numbers of the profiles and levels that it decodes; undefined where the codec has none, or V4L2 no name */
  readonly profiles?: readonly number[];
  readonly levels?: readonly number[];
}

/** Coded data: `length` bytes at `offset` of `memory`. One access unit, frame or temporal unit; several are tolerated. */
export interface CodedInput {
  /** chosen by the caller, rising; also names the pictures that come from this input */
  readonly id: number;
  readonly memory: BufferMemory;
  readonly offset: number;
  readonly length: number;
  /** the buffer is full to the last byte: its data may go on in the next input */
  readonly mayContinue: boolean;
}

/** The stream's format, found in the stream. */
export interface StreamFormat {
  /** size of the coded picture, what the buffers must hold */
  readonly codedWidth: number;
  readonly codedHeight: number;
  /** what is to be shown, inside the coded picture */
  readonly visible: Rect;
  readonly colorimetry: Colorimetry;
  /** pictures that the decoder may hold back before one comes out: V4L2's MIN_BUFFERS_FOR_CAPTURE, at least 1 */
  readonly minBuffers: number;
  readonly pixelAspect: Fraction;
  /** V4L2_FIELD_NONE or V4L2_FIELD_INTERLACED… */
  readonly field: number;
  /** V4L2_MPEG_VIDEO_* profile and level where known, for controls */
  readonly profile?: number;
  readonly level?: number;
}

/** One decoded picture in a target. */
export interface DecodedPicture {
  readonly targetId: number;
  /** the input in which the picture began */
  readonly inputId: number;
  /** bytes written per memory plane */
  readonly bytesUsed: readonly number[];
  /** V4L2_FIELD_* */
  readonly field: number;
  /** the picture is damaged or concealed */
  readonly error: boolean;
  readonly type: 'key' | 'p' | 'b' | 'unknown';
}

/** What a decoder tells its user. */
export interface DecoderEvents extends CodecEvents {
  /** The first format of the stream, or a new one. */
  format(format: StreamFormat): void;
  picture(picture: DecodedPicture): void;
}

/**
 * The port. The stream format stays known over a flush: a stream that goes on in the same format makes no new `format`. A target is
 * memory for one picture in the layout given to `setOutput`.
 */
export interface Decoder extends Codec {
  decode(input: CodedInput): void;
  /** The layout for the pictures that follow: its width and height are at least the coded size. */
  setOutput(layout: PictureLayout): void;
}

/** Makes decoders for one guest. */
export interface DecoderFactory {
  readonly capabilities: readonly DecoderCapability[];
  /** A decoder for one stream; undefined if the limit of streams is reached (EBUSY) or the codec process can't be had. */
  create(codec: CodecId, events: DecoderEvents): Decoder | undefined;
}
