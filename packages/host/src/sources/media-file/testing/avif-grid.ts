// SPDX-License-Identifier: Apache-2.0
/** An AVIF of two tiles, one beside the other, out of an AVIF of one picture of 64x64: no encoder at hand makes image grids. */

const u16 = (value: number): number[] => [value >> 8, value & 255];
const u32 = (value: number): number[] => [...u16(value >>> 16), ...u16(value & 0xffff)];

function box(type: string, ...content: (Uint8Array | readonly number[])[]): Buffer {
  const body = Buffer.concat(content.map((part) => Buffer.from(part)));
  return Buffer.concat([Buffer.from(u32(8 + body.length)), Buffer.from(type, 'latin1'), body]);
}

/** A box with a version and flags. */
const full = (type: string, version: number, flags: number, ...content: (Uint8Array | readonly number[])[]): Buffer =>
  box(type, [version, ...u32(flags).slice(1)], ...content);

/** The box of this type, wherever it lies in `file`. */
function found(file: Buffer, type: string): Buffer {
  const at = file.indexOf(type, 0, 'latin1') - 4;
  return file.subarray(at, at + file.readUInt32BE(at));
}

/** The grid; both tiles are the picture of `tile`. */
export function avifGrid(tile: Buffer): Buffer {
  const coded = found(tile, 'mdat').subarray(8);
  const head = found(tile, 'ftyp');
  const item = (id: number, method: number, offset: number, length: number): number[] => [
    ...[id, method, 0, 1].flatMap(u16),
    ...[offset, length].flatMap(u32),
  ];
  const entry = (id: number, type: string, flags: number): Buffer =>
    full('infe', 2, flags, u16(id), u16(0), Buffer.from(`${type}\0`, 'latin1'));
  const size = (width: number, height: number): Buffer => full('ispe', 0, 0, u32(width), u32(height));
  const properties = box('ipco', size(128, 64), size(64, 64), found(tile, 'pixi'), found(tile, 'av1C'));
  const has = (id: number, ...indices: number[]): number[] => [...u16(id), indices.length, ...indices];
  const uses = full('ipma', 0, 0, u32(3), has(1, 1, 3), has(2, 2, 3, 0x84), has(3, 2, 3, 0x84));
  const meta = (data: number): Buffer =>
    full(
      'meta',
      0,
      0,
      found(tile, 'hdlr'),
      full('pitm', 0, 0, u16(1)),
      full('iloc', 1, 0, [0x44, 0], u16(3), item(1, 1, 0, 8), item(2, 0, data, coded.length), item(3, 0, data, coded.length)),
      full('iinf', 0, 0, u16(3), entry(1, 'grid', 0), entry(2, 'av01', 1), entry(3, 'av01', 1)),
      full('iref', 0, 0, box('dimg', [1, 2, 2, 3].flatMap(u16))),
      box('iprp', properties, uses),
      // One row of two columns, 128x64.
      box('idat', [0, 0, 0, 1], u16(128), u16(64)),
    );
  const data = head.length + meta(0).length + 8;
  return Buffer.concat([head, meta(data), box('mdat', coded)]);
}
