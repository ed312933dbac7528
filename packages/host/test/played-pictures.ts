// SPDX-License-Identifier: Apache-2.0
/** What the guests of tests play into an output. */

export const [WIDTH, HEIGHT] = [160, 120];
export const PIXELS = WIDTH * HEIGHT;

/** A picture that encoders like, whose brightness and shape say which it is. */
function picture(i: number): Uint8Array {
  const bytes = new Uint8Array(PIXELS * 1.5).fill(128);
  for (let y = 0; y < HEIGHT; y += 1) {
    for (let x = 0; x < WIDTH; x += 1) bytes[y * WIDTH + x] = 40 + i + (((x + y + 8 * i) >> 3) % 8) * 16;
  }
  return bytes;
}
export const PICTURES = Array.from({ length: 40 }, (_, i) => picture(i));
