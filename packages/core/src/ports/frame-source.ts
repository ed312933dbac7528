// SPDX-License-Identifier: Apache-2.0
/**
 * A camera, as its adapter sees it. A source is shared: it captures once, converts once per distinct layout, and hands
 * the same `Frame` to every stream that asked for that layout. It never sees a guest; copying into guest buffers is the
 * capture device's affair (`BufferAccess.store`).
 *
 * A stream: idle --start--> running --stop--> idle; `close` from anywhere. `lost` ends it for good.
 */
import type { Colorimetry, Fraction, PictureLayout, PictureSize, SourceIntervals, SourceSizes } from '../picture/index.ts';
import type { PlaneStorage } from './buffer-memory.ts';

/**
 * A control of a source: V4L2's own id and range. `menu` for menus (by index; an empty string is a hole) and
 * `integerMenu` for integer menus.
 */
export interface SourceControl {
  readonly id: number;
  readonly type: 'integer' | 'boolean' | 'menu' | 'integer-menu' | 'button';
  /** the name shown; the standard name of a standard id */
  readonly name: string;
  readonly minimum: number;
  readonly maximum: number;
  readonly step: number;
  readonly default: number;
  readonly menu?: readonly string[];
  readonly integerMenu?: readonly number[];
  /** it changes by itself (auto exposure): read it, do not cache it */
  readonly volatile?: boolean;
}

/** What a source can do. Fixed for the life of the source. */
export interface SourceCapabilities {
  /** name of the camera, at most 31 bytes of UTF-8 are shown */
  readonly card: string;
  /** V4L2 pixel formats (numbers), preferred one first */
  readonly formats: readonly number[];
  readonly defaultSize: PictureSize;
  /** where sizes are ranges: those worth a place in a list; absent: smaller ones of the shape of `defaultSize` */
  readonly commonSizes?: readonly PictureSize[];
  readonly defaultInterval: Fraction;
  readonly colorimetry: Colorimetry;
  readonly controls: readonly SourceControl[];
  sizes(fourcc: number): SourceSizes;
  intervals(fourcc: number, width: number, height: number): SourceIntervals;
}

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

/** The user of a stream. No method may throw. */
export interface FrameConsumer {
  /** False while there is no buffer to fill: the source may skip work, and counts the frame in `sequence` all the same. */
  wantsFrame(): boolean;
  /** A frame is there. Called on the event loop. */
  frame(frame: Frame): void;
  /** The source is gone (unplugged, its process ended for good): no frame will come, the reason is for the log. */
  lost(reason: string): void;
}

/** One consumer's use of a source. */
export interface SourceStream {
  /** Layout and interval for the next start; the capabilities allow them. Only while idle. */
  configure(layout: PictureLayout, interval: Fraction): void;
  /** Throws `NoMemoryError` if there is no memory for its frames. */
  start(): void;
  /** No `frame` call follows. Frames that were retained stay valid. */
  stop(): void;
  close(): void;
}

/** The port. */
export interface FrameSource {
  readonly capabilities: SourceCapabilities;
  open(consumer: FrameConsumer): SourceStream;
  /** Current value of a control; a button reads 0. */
  control(id: number): number;
  /**
   * Sets a control; the value is within the declared range. Takes effect with the next frame. Not 0: the errno of why the
   * source does not take it (EBUSY: not now, EIO: it does not answer), and the control is as before.
   */
  setControl(id: number, value: number): number;
  /** Tells when a control changed, whoever did it (another guest, the camera itself). */
  onControlChange(listener: (id: number, value: number) => void): Disposable;
}
