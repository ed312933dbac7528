// SPDX-License-Identifier: Apache-2.0
/** Four-character codes of pixel formats. */

/** The number of a code of four characters, such as `NV12`; a shorter code is padded with spaces. */
export function fourcc(code: string): number {
  const at = (i: number) => (i < code.length ? code.charCodeAt(i) & 0xff : 0x20);
  return (at(0) | (at(1) << 8) | (at(2) << 16) | (at(3) << 24)) >>> 0;
}

/** The code of a number, with anything that is not printable as a dot. */
export function fourccName(value: number): string {
  let name = '';
  for (let shift = 0; shift < 32; shift += 8) {
    const code = (value >>> shift) & 0xff;
    name += code >= 0x20 && code < 0x7f ? String.fromCharCode(code) : '.';
  }
  return name;
}
