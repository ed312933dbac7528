// SPDX-License-Identifier: Apache-2.0
/**
 * The toy bitstream: a made-up coded format that has everything a decoder's user must cope with (reordering, changes of
 * resolution, damage, several pictures in a chunk and none, crashes) and no compression at all.
 *
 * A stream is a sequence of units of 32 bytes, little-endian:
 *
 * | offset | size | header (kind 1)          | picture (kind 2)     | crash (3), filler (4) |
 * | ---:   | ---: | ---                      | ---                  | ---                   |
 * | 0      | 4    | magic `TOY1`             | magic                | magic                 |
 * | 4      | 1    | kind                     | kind                 | kind                  |
 * | 5      | 1    | reorder depth            | 0 key, 1 P, 2 B      | 0                     |
 * | 6      | 1    | least number of buffers  | 1: damaged           | 0                     |
 * | 7      | 1    | V4L2_FIELD_*             | 0                    | 0                     |
 * | 8      | 4    | coded width, height (u16)| display number (u32) | 0                     |
 * | 12     | 8    | visible left, top, width, height (u16) | 0      | 0                     |
 * | 20     | 4    | colorspace, encoding, quantization, transfer (u8) | 0 | 0               |
 * | 24     | 2    | profile + 1, level + 1 (u8; 0: not told) | 0    | 0                     |
 * | 26     | 6    | 0                        | 0                    | 0                     |
 */
import type { PictureLayout } from '../picture/index.ts';
import type { StreamFormat } from '../ports/index.ts';

/** Bytes of every unit. */
export const TOY_UNIT = 32;
/** The private V4L2 pixel format of the toy bitstream, `TOY1`. */
export const TOY_FOURCC = 0x31594f54;

const KINDS = ['header', 'picture', 'crash', 'filler'] as const;
const TYPES = ['key', 'p', 'b'] as const;

/** The header of a toy stream. */
export interface ToyHeader {
  readonly kind: 'header';
  readonly format: StreamFormat;
  /** pictures that wait to be put into display order */
  readonly depth: number;
}

/** A picture of a toy stream; `number` orders the pictures for display, between key pictures. */
export interface ToyPicture {
  readonly kind: 'picture';
  readonly number: number;
  readonly type: 'key' | 'p' | 'b';
  readonly damaged: boolean;
}

/** A unit of a toy stream. `crash` kills the decoder; `filler` means nothing. */
export type ToyUnit = ToyHeader | ToyPicture | { readonly kind: 'crash' } | { readonly kind: 'filler' };

/** What `toyHeader` may be told; the rest has defaults. */
export interface ToyHeaderOptions {
  readonly width?: number;
  readonly height?: number;
  readonly visible?: StreamFormat['visible'];
  readonly depth?: number;
  readonly minBuffers?: number;
  readonly field?: number;
  readonly colorimetry?: StreamFormat['colorimetry'];
  readonly profile?: number;
  readonly level?: number;
}

function unit(kind: (typeof KINDS)[number]): { bytes: Uint8Array; view: DataView } {
  const bytes = new Uint8Array(TOY_UNIT);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, TOY_FOURCC, true);
  view.setUint8(4, KINDS.indexOf(kind) + 1);
  return { bytes, view };
}

/** A header: 64x48, all visible, no reordering, 2 buffers, progressive, Rec. 709 unless told otherwise. */
export function toyHeader(o: ToyHeaderOptions = {}): Uint8Array {
  const { bytes, view } = unit('header');
  const width = o.width ?? 64;
  const height = o.height ?? 48;
  const visible = o.visible ?? { left: 0, top: 0, width, height };
  const colors = o.colorimetry ?? { colorspace: 3, ycbcrEnc: 0, quantization: 0, xferFunc: 0 };
  view.setUint8(5, o.depth ?? 0);
  view.setUint8(6, o.minBuffers ?? 2);
  view.setUint8(7, o.field ?? 1);
  [width, height, visible.left, visible.top, visible.width, visible.height].forEach((n, i) => {
    view.setUint16(8 + 2 * i, n, true);
  });
  bytes.set([colors.colorspace, colors.ycbcrEnc, colors.quantization, colors.xferFunc], 20);
  bytes.set([(o.profile ?? -1) + 1, (o.level ?? -1) + 1], 24);
  return bytes;
}

/** A picture with its display number. */
export function toyPicture(number: number, type: ToyPicture['type'] = 'p', damaged = false): Uint8Array {
  const { bytes, view } = unit('picture');
  view.setUint8(5, TYPES.indexOf(type));
  view.setUint8(6, damaged ? 1 : 0);
  view.setUint32(8, number, true);
  return bytes;
}

/** A unit that kills the decoder. */
export function toyCrash(): Uint8Array {
  return unit('crash').bytes;
}

/** A unit without meaning. */
export function toyFiller(): Uint8Array {
  return unit('filler').bytes;
}

/** Units in a row: a chunk, or a whole stream. */
export function toyChunk(...units: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(units.reduce((sum, each) => sum + each.length, 0));
  let at = 0;
  for (const each of units) {
    bytes.set(each, at);
    at += each.length;
  }
  return bytes;
}

/** The unit at offset `at`: `short` if the bytes end inside it, `bad` if it is no unit. */
export function parseToyUnit(bytes: Uint8Array, at: number): ToyUnit | 'short' | 'bad' {
  if (at + TOY_UNIT > bytes.length) return 'short';
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, TOY_UNIT);
  const kind = KINDS[view.getUint8(4) - 1];
  if (view.getUint32(0, true) !== TOY_FOURCC || kind === undefined) return 'bad';
  if (kind === 'header') return parseHeader(view);
  if (kind !== 'picture') return { kind };
  const type = TYPES[view.getUint8(5)];
  if (type === undefined) return 'bad';
  return { kind, number: view.getUint32(8, true), type, damaged: view.getUint8(6) !== 0 };
}

function parseHeader(view: DataView): ToyHeader | 'bad' {
  const at = (i: number): number => view.getUint16(8 + 2 * i, true);
  const visible = { left: at(2), top: at(3), width: at(4), height: at(5) };
  const format: StreamFormat = {
    codedWidth: at(0),
    codedHeight: at(1),
    visible,
    colorimetry: {
      colorspace: view.getUint8(20),
      ycbcrEnc: view.getUint8(21),
      quantization: view.getUint8(22),
      xferFunc: view.getUint8(23),
    },
    minBuffers: view.getUint8(6),
    pixelAspect: { numerator: 1, denominator: 1 },
    field: view.getUint8(7),
    ...(view.getUint8(24) > 0 && { profile: view.getUint8(24) - 1 }),
    ...(view.getUint8(25) > 0 && { level: view.getUint8(25) - 1 }),
  };
  const inside = visible.left + visible.width <= format.codedWidth && visible.top + visible.height <= format.codedHeight;
  if (!inside || visible.width === 0 || visible.height === 0 || format.minBuffers === 0) return 'bad';
  return { kind: 'header', format, depth: view.getUint8(5) };
}

/** The bytes that a toy decoder makes for a picture, one array per memory plane: no two numbers look alike. */
export function toyPlanes({ sizes }: Pick<PictureLayout, 'sizes'>, number: number): Uint8Array[] {
  return sizes.map((size, i) => {
    const bytes = new Uint8Array(size);
    for (let j = 0; j < bytes.length; j++) bytes[j] = number * 7 + i * 89 + j * 3 + (j >> 8);
    if (bytes.length >= 4) new DataView(bytes.buffer).setUint32(0, number, true);
    return bytes;
  });
}
