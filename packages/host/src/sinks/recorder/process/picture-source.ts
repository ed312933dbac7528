// SPDX-License-Identifier: Apache-2.0
import type { ColourPlane } from '@paravideo/core';

/** What is recorded: 4:2:0 in three planes of 8 bit. */
export interface RecordedPicture {
  readonly width: number;
  readonly height: number;
  /** seconds per frame */
  readonly interval: { readonly numerator: number; readonly denominator: number };
  readonly fullRange: boolean;
  /** FFmpeg's AVCOL_SPC_* */
  readonly matrix: number;
  /** where each plane lies in a slot */
  readonly colours: readonly ColourPlane[];
}

/** Where frames go. All methods throw `WriteFault` when nothing can be written any more. */
export interface RecordingWriter {
  /** Writes one picture; `time` in microseconds since any moment. */
  write(slot: Uint8Array, time: number): void;
  /** No picture follows: what is open is completed. */
  finish(): void;
}

/** The number of the error with which writing failed. */
export class WriteFault extends Error {
  override readonly name = 'WriteFault';
  readonly errno: number;

  constructor(errno: number) {
    super(`writing failed with error ${errno}`);
    this.errno = errno;
  }
}

/** The rows of a plane, one after another. */
export function* rowsOf(slot: Uint8Array, { offset, stride, rows, lineBytes }: ColourPlane): Generator<Uint8Array> {
  if (stride === lineBytes) {
    yield slot.subarray(offset, offset + rows * lineBytes);
    return;
  }
  for (let y = 0; y < rows; y += 1) yield slot.subarray(offset + y * stride, offset + y * stride + lineBytes);
}
