// SPDX-License-Identifier: Apache-2.0
/**
 * What an adapter of a camera implements: it pushes frames of its own formats, says which it has and whether it is there. It never
 * shares a frame between users, counts who holds one, or asks who they are: `SharedSource` does that for all adapters alike.
 *
 * A start runs until its handle is disposed of, or until the adapter calls `ended`.
 */
import type { PlaneStorage } from './buffer-memory.ts';
import type { ControlPort } from './control-port.ts';
import type { SourceModes, WantedFrames } from './frame-source.ts';

/** One frame, in memory that stays as it is until `release` is called. */
export interface CapturedFrame {
  /** counts the frames that there were to capture, with gaps where one was lost; rises within a start */
  readonly sequence: number;
  /** microseconds of the monotonic clock, when the first byte was captured */
  readonly timestamp: number;
  /** V4L2_FIELD_* */
  readonly field: number;
  /**
   * one per memory plane of the layout, exactly the bytes that were captured: a coded picture is as long as it came out, and one that
   * was cut off is short
   */
  readonly planes: readonly PlaneStorage[];
  /** Called once: nobody reads the planes any more. */
  release(): void;
}

/** Where the frames of a start go. Called on the event loop, never before `start` has returned. */
export interface CaptureSink {
  /** False while nobody would take a frame: the adapter may skip the work, and counts the frame in `sequence` all the same. */
  wantsFrame(): boolean;
  /** Takes the frame over, and releases it. */
  frame(frame: CapturedFrame): void;
  /** No frame will come any more, the reason is for the log: the camera went, or has other formats now. */
  ended(reason: string): void;
}

/**
 * The port. Between its users they keep at most the last four frames of a start for those who come later, and hold those that are
 * being copied: eight frames that are not released are enough for a start, and a frame for which there is no memory is skipped, and
 * counted in `sequence`. Disposing of it ends the adapter; frames that are not released by then stay valid. */
export interface Capture extends AsyncDisposable {
  /** What it can deliver now; while it is away, what it last could, or is expected to. A new object when that changes. */
  readonly modes: SourceModes;
  /** Why it is not there (unplugged, not found yet); undefined while it is. */
  readonly absent: string | undefined;
  readonly controls: ControlPort;
  /**
   * Another capture of the same camera, whose controls are its own and as they are declared; it is disposed of before this one. Absent
   * where whoever sets a control sets it for all.
   */
  readonly separate?: (() => Capture) | undefined;
  /** `listener` is called after `modes` or `absent` changed, until the answer is disposed of. */
  watch(listener: () => void): Disposable;
  /**
   * Begins to push frames of this layout, about so often. Called while it is there, with what its modes allow, and with the same
   * layout and interval once at a time. Disposing of the handle ends it, once: no call of the sink follows, and another start may follow
   * at once. Throws `NoMemoryError` if there is no memory for the frames, and `SourceBusyError` if it cannot deliver them beside what
   * it delivers already.
   */
  start(wanted: WantedFrames, sink: CaptureSink): Disposable;
}
