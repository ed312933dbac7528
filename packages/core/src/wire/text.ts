// SPDX-License-Identifier: Apache-2.0
/** Names on the wire: fixed arrays of bytes that hold UTF-8. */

/**
 * UTF-8 of `text`, at most `limit` bytes, cut between characters. A lone surrogate becomes U+FFFD.
 */
export function encodeUtf8(text: string, limit: number): Uint8Array {
  const out: number[] = [];
  for (const character of text) {
    let code = character.codePointAt(0) ?? 0xfffd;
    if (code >= 0xd800 && code <= 0xdfff) code = 0xfffd;
    const unit: number[] =
      code < 0x80
        ? [code]
        : code < 0x800
          ? [0xc0 | (code >> 6), 0x80 | (code & 63)]
          : code < 0x1_0000
            ? [0xe0 | (code >> 12), 0x80 | ((code >> 6) & 63), 0x80 | (code & 63)]
            : [0xf0 | (code >> 18), 0x80 | ((code >> 12) & 63), 0x80 | ((code >> 6) & 63), 0x80 | (code & 63)];
    if (out.length + unit.length > limit) break;
    out.push(...unit);
  }
  return Uint8Array.from(out);
}

/** The least character that takes 1, 2, 3, 4 bytes; a smaller one in as many is no UTF-8. */
const SHORTEST = [0, 0x80, 0x800, 0x1_0000];

/** The text of a fixed array up to its first NUL; bytes that are not UTF-8 become U+FFFD. */
export function decodeUtf8(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  const length = end < 0 ? bytes.length : end;
  let text = '';
  for (let i = 0; i < length; ) {
    const lead = bytes[i] ?? 0;
    const extra =
      lead < 0x80 ? 0 : lead >= 0xc2 && lead < 0xe0 ? 1 : lead >= 0xe0 && lead < 0xf0 ? 2 : lead >= 0xf0 && lead < 0xf5 ? 3 : -1;
    let code = extra < 0 ? 0xfffd : extra === 0 ? lead : lead & (0x3f >> extra);
    let used = 1;
    for (let k = 1; k <= extra; k++) {
      const next = i + k < length ? (bytes[i + k] ?? 0) : 0;
      if ((next & 0xc0) !== 0x80) {
        code = 0xfffd;
        break;
      }
      code = (code << 6) | (next & 0x3f);
      used++;
    }
    const surrogate = code >= 0xd800 && code <= 0xdfff;
    text += String.fromCodePoint(code > 0x10_ffff || surrogate || code < (SHORTEST[used - 1] ?? 0) ? 0xfffd : code);
    i += used;
  }
  return text;
}
