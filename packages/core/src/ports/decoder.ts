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

/** Codecs, independent of any protocol's numbers. */
export type CodecId = 'h264' | 'hevc' | 'vp8' | 'vp9' | 'av1' | 'mpeg2' | 'mjpeg' | 'toy';

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

/** Memory for one picture in the layout given to `setOutput`. */
export interface PictureTarget {
  readonly id: number;
  /** one per memory plane of the layout */
  readonly planes: readonly BufferMemory[];
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

/** What a decoder tells its user. Called on the event loop; no method may throw. */
export interface DecoderEvents {
  /** The input was used up (or, not ok, could not be decoded at all) and its memory is free. */
  inputDone(id: number, ok: boolean): void;
  /** The first format of the stream, or a new one. */
  format(format: StreamFormat): void;
  picture(picture: DecodedPicture): void;
  /** Answer to `drain`: every picture of the inputs before it has come. */
  drained(): void;
  /** The decoder died. All loans are void, nothing is written any more; only `close` is allowed after this. */
  failed(reason: string): void;
}

/** The port. Methods do not block and do not throw for what a bitstream does. */
export interface Decoder {
  decode(input: CodedInput): void;
  /** The layout for the pictures that follow: its width and height are at least the coded size. */
  setOutput(layout: PictureLayout): void;
  supply(target: PictureTarget): void;
  /** Let out every picture of the inputs so far, then `drained`. Inputs submitted later start afresh after it. */
  drain(): void;
  /**
   * Drops all inputs and pictures in flight (seek). When it resolves the inputs are free and no event of the past follows;
   * targets stay lent. The stream format stays known: a stream that goes on in the same format makes no new `format`.
   */
  flush(): Promise<void>;
  /** Takes back all targets. When it resolves nothing writes to them. Pictures not yet delivered wait for new targets. */
  recall(): Promise<void>;
  /** Ends the decoder. When it resolves nothing is read or written any more. */
  close(): Promise<void>;
}

/** Makes decoders for one guest. */
export interface DecoderFactory {
  readonly capabilities: readonly DecoderCapability[];
  /** A decoder for one stream; undefined if the limit of streams is reached (EBUSY) or the codec process can't be had. */
  create(codec: CodecId, events: DecoderEvents): Decoder | undefined;
}
