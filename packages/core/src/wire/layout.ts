// SPDX-License-Identifier: Apache-2.0
/**
 * Struct layouts declared once, as a table of fields with explicit padding and a declared size.
 *
 * `struct()` checks the table when the module loads (offsets, natural alignment, total size) and makes closures from it
 * that read and write a `DataView`; nothing is interpreted at access time. All integers are little-endian.
 *
 * A struct is used through its `fields`: `virtq_desc.fields.len.get(view, base)`, where `base` is the offset of the struct
 * in the view. A struct inside a struct has its own `fields` there. A union is a struct whose members overlap.
 */
import { WireError } from './wire-error.ts';

/** One scalar at a fixed offset of a struct. `offset` is counted from the start of the outermost struct, in bytes. */
export interface ScalarField<T> {
  readonly kind: 'scalar';
  readonly type: string;
  readonly offset: number;
  readonly size: number;
  readonly get: (view: DataView, base: number) => T;
  readonly set: (view: DataView, base: number, value: T) => void;
}

/** A run of bytes at a fixed offset of a struct; `get` copies, `set` writes the bytes given and zeroes the rest. */
export interface BytesField {
  readonly kind: 'bytes';
  readonly offset: number;
  readonly size: number;
  readonly get: (view: DataView, base: number) => Uint8Array;
  readonly set: (view: DataView, base: number, value: Uint8Array) => void;
}

/** A struct at a fixed offset of another struct. */
export interface NestedField<F extends FieldTable> {
  readonly kind: 'nested';
  readonly offset: number;
  readonly size: number;
  readonly fields: BoundFields<F>;
}

/** Equal elements one after the other; `at(i)` gives the accessor of element `i` and throws beyond `length`. */
export interface ArrayField<A> {
  readonly kind: 'array';
  readonly offset: number;
  readonly size: number;
  readonly length: number;
  readonly stride: number;
  readonly at: (index: number) => A;
}

/** A field type before it has a place: its size, its alignment and how to bind it to an offset. */
export interface FieldType<A> {
  readonly size: number;
  readonly align: number;
  readonly bind: (offset: number) => A;
}

/** The table of a struct: name to field type, in order. Names that start with `_` are padding. */
// biome-ignore lint/suspicious/noExplicitAny: the accessor type is recovered per field by BoundFields<F>
export type FieldTable = { readonly [name: string]: FieldType<any> };

/** The accessors of a table. */
export type BoundFields<F extends FieldTable> = {
  readonly [K in keyof F]: F[K] extends FieldType<infer A> ? A : never;
};

/** A struct: a field type with its name, its table and, bound at offset 0, its accessors. */
export interface Struct<F extends FieldTable> extends FieldType<NestedField<F>> {
  readonly name: string;
  readonly table: F;
  readonly fields: BoundFields<F>;
}

function scalar<T>(
  type: string,
  size: number,
  align: number,
  make: (offset: number) => Pick<ScalarField<T>, 'get' | 'set'>,
): FieldType<ScalarField<T>> {
  return { size, align, bind: (offset) => ({ kind: 'scalar', type, offset, size, ...make(offset) }) };
}

/** unsigned 8-bit */
export const u8 = scalar<number>('u8', 1, 1, (o) => ({
  get: (v, b) => v.getUint8(b + o),
  set: (v, b, x) => v.setUint8(b + o, x),
}));
/** unsigned 16-bit */
export const u16 = scalar<number>('u16', 2, 2, (o) => ({
  get: (v, b) => v.getUint16(b + o, true),
  set: (v, b, x) => v.setUint16(b + o, x, true),
}));
/** unsigned 32-bit */
export const u32 = scalar<number>('u32', 4, 4, (o) => ({
  get: (v, b) => v.getUint32(b + o, true),
  set: (v, b, x) => v.setUint32(b + o, x, true),
}));
/** signed 32-bit */
export const s32 = scalar<number>('s32', 4, 4, (o) => ({
  get: (v, b) => v.getInt32(b + o, true),
  set: (v, b, x) => v.setInt32(b + o, x, true),
}));
/** unsigned 64-bit as a bigint: slow, for rare fields only */
export const u64 = scalar<bigint>('u64', 8, 8, (o) => ({
  get: (v, b) => v.getBigUint64(b + o, true),
  set: (v, b, x) => v.setBigUint64(b + o, x, true),
}));
/** signed 64-bit as a bigint: slow, for rare fields only */
export const s64 = scalar<bigint>('s64', 8, 8, (o) => ({
  get: (v, b) => v.getBigInt64(b + o, true),
  set: (v, b, x) => v.setBigInt64(b + o, x, true),
}));

const TWO_32 = 0x1_0000_0000;

/**
 * Unsigned 64-bit address or length as a number. A value of 2^53 or more reads as `Infinity`, which every bounds check
 * refuses; writing one throws `WireError`.
 */
export const addr64 = scalar<number>('u64', 8, 8, (o) => ({
  get: (v, b) => {
    const high = v.getUint32(b + o + 4, true);
    return high > 0x1f_ffff ? Number.POSITIVE_INFINITY : high * TWO_32 + v.getUint32(b + o, true);
  },
  set: (v, b, x) => {
    if (!Number.isSafeInteger(x) || x < 0) throw new WireError(`${x} is not an address: give an integer from 0 to 2^53 - 1`);
    v.setUint32(b + o, x % TWO_32, true);
    v.setUint32(b + o + 4, Math.floor(x / TWO_32), true);
  },
}));

/** `length` raw bytes: reserved areas, names, opaque 64-bit values (`bytes(8, 8)`) */
export function bytes(length: number, align = 1): FieldType<BytesField> {
  return {
    size: length,
    align,
    bind: (offset) => ({
      kind: 'bytes',
      offset,
      size: length,
      get: (view, base) => new Uint8Array(view.buffer, view.byteOffset + base + offset, length).slice(),
      set: (view, base, value) => {
        const target = new Uint8Array(view.buffer, view.byteOffset + base + offset, length);
        if (value.length > length) throw new WireError(`${value.length} bytes do not fit a field of ${length}`);
        target.set(value);
        target.fill(0, value.length);
      },
    }),
  };
}

/** an opaque 64-bit value (a pointer of the other side), copied as 8 bytes and never interpreted */
export const opaque64 = bytes(8, 8);

/** explicit padding of `length` bytes */
export const pad = (length: number): FieldType<BytesField> => bytes(length);

/** `length` equal elements */
export function array<A>(element: FieldType<A>, length: number): FieldType<ArrayField<A>> {
  return {
    size: element.size * length,
    align: element.align,
    bind: (offset) => {
      const items = Array.from({ length }, (_, i) => element.bind(offset + i * element.size));
      return {
        kind: 'array',
        offset,
        size: element.size * length,
        length,
        stride: element.size,
        at: (index) => {
          const item = items[index];
          if (item === undefined) throw new WireError(`index ${index} is outside an array of ${length}`);
          return item;
        },
      };
    },
  };
}

function bindAll<F extends FieldTable>(offsets: ReadonlyMap<string, number>, table: F, at: number): BoundFields<F> {
  const bound: Record<string, unknown> = {};
  for (const [name, type] of Object.entries(table)) bound[name] = type.bind(at + (offsets.get(name) ?? 0));
  return bound as BoundFields<F>;
}

function finish<F extends FieldTable>(
  name: string,
  size: number,
  align: number,
  table: F,
  offsets: ReadonlyMap<string, number>,
): Struct<F> {
  return {
    name,
    size,
    align,
    table,
    fields: bindAll(offsets, table, 0),
    bind: (offset) => ({ kind: 'nested', offset, size, fields: bindAll(offsets, table, offset) }),
  };
}

/**
 * Declares a struct of `size` bytes. Throws `WireError` at load time if a field is not naturally aligned (unless
 * `packed`) or the table does not add up to `size`.
 */
export function struct<const F extends FieldTable>(name: string, size: number, table: F, options?: { packed: true }): Struct<F> {
  const offsets = new Map<string, number>();
  let at = 0;
  let align = 1;
  for (const [field, type] of Object.entries(table)) {
    if (!options?.packed) {
      if (at % type.align !== 0) throw new WireError(`${name}.${field} at ${at} is not aligned to ${type.align}`);
      align = Math.max(align, type.align);
    }
    offsets.set(field, at);
    at += type.size;
  }
  if (at !== size) throw new WireError(`${name} has ${at} bytes, declared ${size}`);
  return finish(name, size, align, table, offsets);
}

/** Declares a union of `size` bytes: every member starts at its beginning. */
export function union<const F extends FieldTable>(name: string, size: number, table: F, options?: { packed: true }): Struct<F> {
  const offsets = new Map<string, number>();
  let align = 1;
  for (const [field, type] of Object.entries(table)) {
    if (type.size > size) throw new WireError(`${name}.${field} has ${type.size} bytes, the union ${size}`);
    if (!options?.packed) align = Math.max(align, type.align);
    offsets.set(field, 0);
  }
  return finish(name, size, align, table, offsets);
}
