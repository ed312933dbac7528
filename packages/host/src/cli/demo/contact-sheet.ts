// SPDX-License-Identifier: Apache-2.0
import { drawNumber } from './digits.ts';
import type { I420Picture } from './picture.ts';
import { type RgbaImage, toRgba } from './rgb.ts';

const COLUMNS = 4;
const MAX_CELLS = 16;
const CELL_WIDTH = 240;
const GAP = 8;
const LABEL = 18;
const BACKGROUND = [24, 26, 30] as const;

interface Cell {
  readonly index: number;
  readonly image: RgbaImage;
}

/**
 * Thumbnails of pictures spread evenly over a stream whose length need not be known: when the sheet is full, every second
 * thumbnail goes and the step doubles.
 */
export class ContactSheet {
  #cells: Cell[] = [];
  #step = 1;

  /** Offers picture `index` (from 0, rising); makes a thumbnail of it if it is its turn. */
  add(index: number, picture: I420Picture): void {
    if (index % this.#step !== 0) return;
    if (this.#cells.length === MAX_CELLS) {
      this.#step *= 2;
      this.#cells = this.#cells.filter((cell) => cell.index % this.#step === 0);
      if (index % this.#step !== 0) return;
    }
    const height = Math.max(1, Math.round((picture.height * CELL_WIDTH) / picture.width));
    this.#cells.push({ index, image: toRgba(picture, CELL_WIDTH, height) });
  }

  /** The sheet with the number of its picture above each thumbnail; undefined if there was none. */
  render(): RgbaImage | undefined {
    if (this.#cells.length === 0) return undefined;
    const cellHeight = Math.max(...this.#cells.map((cell) => cell.image.height));
    const columns = Math.min(COLUMNS, this.#cells.length);
    const rows = Math.ceil(this.#cells.length / columns);
    const width = GAP + columns * (CELL_WIDTH + GAP);
    const height = GAP + rows * (LABEL + cellHeight + GAP);
    const sheet: RgbaImage = { width, height, bytes: new Uint8Array(width * height * 4) };
    for (let i = 0; i < width * height; i++) sheet.bytes.set([...BACKGROUND, 255], i * 4);
    this.#cells.forEach((cell, i) => {
      const left = GAP + (i % columns) * (CELL_WIDTH + GAP);
      const top = GAP + Math.floor(i / columns) * (LABEL + cellHeight + GAP);
      drawNumber(sheet, cell.index, left, top + 2, 2);
      blit(sheet, cell.image, left, top + LABEL);
    });
    return sheet;
  }
}

function blit(to: RgbaImage, from: RgbaImage, left: number, top: number): void {
  for (let row = 0; row < from.height; row++) {
    const line = from.bytes.subarray(row * from.width * 4, (row + 1) * from.width * 4);
    to.bytes.set(line, ((top + row) * to.width + left) * 4);
  }
}
