// SPDX-License-Identifier: Apache-2.0
/** VP9 frames that travel together (VP9 bitstream specification, Annex B). */

/** The frames of an input of VP9: one, or those of a superframe, in their order. */
export function superframeParts(bytes: Buffer): readonly Buffer[] {
  const marker = bytes.at(-1) ?? 0;
  if ((marker & 0xe0) !== 0xc0) return [bytes];
  const frames = (marker & 7) + 1;
  const width = ((marker >> 3) & 3) + 1;
  const index = bytes.length - (2 + frames * width);
  if (index < 0 || bytes[index] !== marker) return [bytes];
  const parts: Buffer[] = [];
  let at = 0;
  for (let i = 0; i < frames; i += 1) {
    const size = bytes.readUIntLE(index + 1 + i * width, width);
    if (at + size > index) return [bytes];
    if (size > 0) parts.push(bytes.subarray(at, at + size));
    at += size;
  }
  return parts.length === 0 ? [bytes] : parts;
}

/** True if a frame is to be shown (6.2): it says so itself, or it shows one that was decoded before. */
export function isShown(frame: Buffer): boolean {
  const first = frame[0] ?? 0;
  const profile = ((first >> 5) & 1) | ((first >> 3) & 2);
  // Profile 3 has one more bit there.
  const bit = (at: number): boolean => (((frame[at >> 3] ?? 0) >> (7 - (at & 7))) & 1) === 1;
  const at = profile === 3 ? 5 : 4;
  return bit(at) || bit(at + 2);
}
