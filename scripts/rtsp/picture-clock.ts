// SPDX-License-Identifier: Apache-2.0

const BITS = 48;
const SQUARE = 16;
const WRAP = 2 ** BITS;
/** Luma between black and white. */
const GREY = 128;
/** Microseconds that a picture may be old. */
const OLDEST = 60_000_000;

/**
 * How old a picture of `serve.py` is at `now` (microseconds of CLOCK_MONOTONIC), by the clock in its luma; undefined: there is none.
 * @param stride bytes of a row
 */
export function pictureAge(luma: Uint8Array, stride: number, width: number, now: number): number | undefined {
  const perRow = Math.floor(width / SQUARE);
  let time = 0;
  for (let bit = BITS - 1; bit >= 0; bit -= 1) {
    const x = (bit % perRow) * SQUARE + SQUARE / 2;
    const y = Math.floor(bit / perRow) * SQUARE + SQUARE / 2;
    time = time * 2 + ((luma[y * stride + x] ?? 0) > GREY ? 1 : 0);
  }
  const age = (((now % WRAP) - time) % WRAP) + 0;
  return age >= 0 && age < OLDEST ? age : undefined;
}
