// SPDX-License-Identifier: Apache-2.0
import type { AvFrame } from '../../av/node-av.ts';
import type { FoundFormat } from './format-reader.ts';

/** What of a frame can change from one to the next without another sequence header, in plain numbers. */
const quickLook = (frame: AvFrame) =>
  [frame.width, frame.height, frame.format, frame.colorPrimaries, frame.colorTrc, frame.colorSpace, frame.colorRange] as const;

/**
 * Knows of most pictures that their format is the last one's. Reading a format in full means to have the cropping applied,
 * twice, and costs more than all else that is asked of a picture; in a stream whose sequence headers are steady (see
 * `Splitter`) a few numbers of the frame tell as much.
 */
export class FormatGuard {
  #known: FoundFormat | undefined;
  #look: ReturnType<typeof quickLook> | undefined;

  /** True if the frame has the format `known` for certain. If not, the caller reads it, and says so (`compared`). */
  holds(known: FoundFormat | undefined, frame: AvFrame, steady: boolean): boolean {
    if (!steady || known === undefined || known !== this.#known) return false;
    const look = quickLook(frame);
    return this.#look?.every((number, i) => number === look[i]) ?? false;
  }

  /** The frame was read in full, and is of the format `known`. */
  compared(known: FoundFormat | undefined, frame: AvFrame): void {
    this.#known = known;
    this.#look = quickLook(frame);
  }
}
