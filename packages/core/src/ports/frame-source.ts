// SPDX-License-Identifier: Apache-2.0
/**
 * A camera, as devices see it. A source is shared: it captures once, and hands the same `Frame` to every stream that asked for
 * its layout. It never sees a guest; copying into guest buffers is the capture device's affair (`BufferAccess.store`). What an
 * adapter of a camera implements is `Capture`; `SharedSource` makes a source of it.
 *
 * A stream runs from `start` until its handle is disposed of, or until `lost`.
 */
import type { Colorimetry, Fraction, PictureLayout, PictureSize, SourceIntervals, SourceSizes } from '../picture/index.ts';
import type { PlaneStorage } from './buffer-memory.ts';
import type { ControlPort } from './control-port.ts';

/** The frames that a source can bring. */
export interface SourceModes {
  /** name of the camera, at most 31 bytes of UTF-8 are shown */
  readonly card: string;
  /** V4L2 pixel formats (numbers), preferred one first */
  readonly formats: readonly number[];
  readonly defaultSize: PictureSize;
  /** where sizes are ranges: those worth a place in a list; absent: smaller ones of the shape of `defaultSize` */
  readonly commonSizes?: readonly PictureSize[];
  readonly defaultInterval: Fraction;
  readonly colorimetry: Colorimetry;
  /** of formats whose colours mean something else: JPEG that is made of pictures with limited range */
  readonly otherColours?: ReadonlyMap<number, Colorimetry>;
  sizes(fourcc: number): SourceSizes;
  intervals(fourcc: number, width: number, height: number): SourceIntervals;
}

/**
 * Whether a source is there. `absent`: it never was, `lost`: it was; the reason is for the log. One that stays there while its camera is
 * away has no signal meanwhile: its streams go on with pictures that say so.
 */
export type SourcePresence =
  | { readonly kind: 'present'; readonly noSignal?: string | undefined }
  | { readonly kind: 'absent'; readonly reason: string }
  | { readonly kind: 'lost'; readonly reason: string };

/** What became of a source: it came or went, has a signal now or none any more, or brings other frames. */
export type SourceChange = 'came' | 'went' | 'signal' | 'modes';

/** One captured frame in one layout, lent for the length of the `frame` call; `retain` to keep it, once per `release`. */
export interface Frame {
  /** counts the frames of the source, with gaps where a frame was lost; never reset while a stream runs */
  readonly sequence: number;
  /** microseconds of the monotonic clock, when the first byte was captured */
  readonly timestamp: number;
  /** V4L2_FIELD_* */
  readonly field: number;
  /** one per memory plane, exactly the bytes used */
  readonly planes: readonly PlaneStorage[];
  retain(): void;
  release(): void;
}

/** The user of a stream. It gets the latest frame, unless the source is one that lets frames wait. No method may throw. */
export interface FrameConsumer {
  /** False while there is no buffer to fill: the source may skip work, and counts the frame in `sequence` all the same. */
  wantsFrame(): boolean;
  /** A frame is there. Called on the event loop. */
  frame(frame: Frame): void;
  /**
   * This stream is over, the reason is for the log: the source went, or does not bring such frames any more. Never called before
   * `start` has returned. Another stream can be started when the source is there.
   */
  lost(reason: string): void;
}

/** A stream of a consumer; disposing of it ends it. */
export interface FrameStream extends Disposable {
  /** The consumer wants a frame again: one that waits for it comes before this returns. Absent where none ever waits. */
  ready?(): void;
}

/** What a stream is to bring; the capabilities of the source allow it. */
export interface WantedFrames {
  readonly layout: PictureLayout;
  /** seconds per frame */
  readonly interval: Fraction;
  /** of coded frames that are made of raw ones, 1 to 100; DEFAULT_QUALITY */
  readonly quality?: number | undefined;
}

/** Quality of coded frames that are made where nobody says another. */
export const DEFAULT_QUALITY = 90;

/** The port. */
export interface FrameSource {
  /** As of now; while the source is away, what it last could do, or is expected to. */
  readonly capabilities: SourceModes;
  readonly presence: SourcePresence;
  readonly controls: ControlPort;
  /** `listener` is called after each change, when streams that end by it were told, until the answer is disposed of. */
  watch(listener: (change: SourceChange) => void): Disposable;
  /**
   * Begins a stream for one consumer. Disposing of the handle ends it, once: no call of the consumer follows, and frames that were
   * retained stay valid. Throws `NoMemoryError` if there is no memory for its frames, and `SourceBusyError` if they cannot be had
   * beside those of others.
   */
  start(wanted: WantedFrames, consumer: FrameConsumer): FrameStream;
}
