// SPDX-License-Identifier: Apache-2.0
import type { PictureLayout } from '@paravideo/core';
import { type MemorySpan, PASSING } from '../../sys/index.ts';
import type { FrameSlot } from '../frame-pool.ts';

/** Rows of the same length. */
export interface FrameBand {
  /** first byte, from the beginning of the picture */
  readonly offset: number;
  readonly rows: number;
  readonly lineBytes: number;
  readonly stride: number;
  /** bytes that come after each row and lead nowhere, at most PASSING of them */
  readonly padding: number;
}

/** Pieces of one read. */
const MAX_SPANS = 64;

/**
 * Where the bytes of a frame go in a layout of one memory plane: a plane, or all of them, is one row where nothing stands between its
 * rows.
 * @param strides bytes from one row to the next as they come, of each colour plane; without them there is no padding
 */
export function frameBands({ colours, sizes }: PictureLayout, strides?: readonly number[]): readonly FrameBand[] {
  const bands: FrameBand[] = [];
  for (const [i, { offset, stride, rows, lineBytes }] of colours.entries()) {
    const before = bands.at(-1);
    const padding = (strides?.[i] ?? lineBytes) - lineBytes;
    // Coded data has no lines.
    const bytes = stride === 0 ? (sizes[0] ?? 0) : rows * lineBytes;
    if (stride !== 0 && (stride !== lineBytes || padding > 0)) bands.push({ offset, rows, lineBytes, stride, padding });
    else if (before?.rows === 1 && before.padding === 0 && before.offset + before.lineBytes === offset) {
      bands[bands.length - 1] = { ...before, lineBytes: before.lineBytes + bytes };
    } else bands.push({ offset, rows: 1, lineBytes: bytes, stride: bytes, padding: 0 });
  }
  return bands;
}

/** The memory of one frame while its bytes come. */
export class FrameWriter {
  readonly slot: FrameSlot;
  readonly sequence: number;
  /** microseconds of the monotonic clock */
  readonly timestamp: number;
  /** bytes that are there */
  written = 0;
  readonly #bands: readonly FrameBand[];
  readonly #address: number;
  #band = 0;
  #row = 0;
  #column = 0;

  constructor(slot: FrameSlot, bands: readonly FrameBand[], sequence: number, timestamp: number) {
    this.slot = slot;
    this.sequence = sequence;
    this.timestamp = timestamp;
    this.#bands = bands;
    this.#address = slot.planes[0]?.address ?? 0;
  }

  /** Where the next bytes go, `most` of them or fewer. */
  next(most: number): readonly MemorySpan[] {
    const spans: MemorySpan[] = [];
    let [index, row, column] = [this.#band, this.#row, this.#column];
    let left = most;
    while (left > 0 && spans.length < MAX_SPANS) {
      const band = this.#bands[index];
      if (band === undefined) break;
      const there = column < band.lineBytes;
      const length = Math.min(left, there ? band.lineBytes - column : band.lineBytes + band.padding - column);
      const address = there ? this.#address + band.offset + row * band.stride + column : PASSING.address;
      spans.push({ address, length });
      left -= length;
      column += length;
      if (column < band.lineBytes + band.padding) continue;
      column = 0;
      row += 1;
      if (row === band.rows) [index, row] = [index + 1, 0];
    }
    return spans;
  }

  /** So many bytes have come. */
  advance(count: number): void {
    this.written += count;
    let left = count;
    for (let band = this.#bands[this.#band]; band !== undefined && left > 0; band = this.#bands[this.#band]) {
      const step = Math.min(left, band.lineBytes + band.padding - this.#column);
      left -= step;
      this.#column += step;
      if (this.#column < band.lineBytes + band.padding) return;
      this.#column = 0;
      this.#row += 1;
      if (this.#row < band.rows) continue;
      this.#row = 0;
      this.#band += 1;
    }
  }
}
