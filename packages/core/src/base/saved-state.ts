// SPDX-License-Identifier: Apache-2.0
/**
 * The state of one part of a device as plain data: what `save` returns while the part is idle, and what `restore` starts a fresh
 * one from. It survives `structuredClone` and JSON: bytes are hexadecimal digits, and what is not there is null.
 *
 * What `restore` gets is foreign data, however it came here. It is read through `SavedFields`, which fetches every field once
 * and refuses what is not as the part's state is described; a part takes nothing over until all of it was read.
 */

/** A part cannot be saved now. The message says what is still under way. */
export class NotIdleError extends Error {
  override readonly name = 'NotIdleError';
}

/** A saved state that no part can start from: which field is wrong, what it holds, and what it may hold. */
export class SavedStateError extends Error {
  override readonly name = 'SavedStateError';
  /** path of the field from the state's top, as in `buffers[2].flags` */
  readonly field: string;
  readonly value: unknown;
  readonly allowed: string;

  constructor(field: string, value: unknown, allowed: string) {
    super(`${field} is ${shown(value)}: it must be ${allowed}`);
    this.field = field;
    this.value = value;
    this.allowed = allowed;
  }
}

/** The fields of one object of a saved state. Every method throws `SavedStateError` for a value that is not allowed. */
export class SavedFields {
  readonly path: string;
  readonly #values: Map<string, unknown>;

  /** `value` must be an object with exactly the fields `names`; `path` names it in errors. */
  constructor(value: unknown, path: string, names: readonly string[]) {
    this.path = path;
    const allowed = `an object with the fields ${names.join(', ')}`;
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new SavedStateError(path, value, allowed);
    this.#values = new Map(Object.entries(value));
    for (const name of names) {
      if (!this.#values.has(name)) throw new SavedStateError(`${path}.${name}`, undefined, 'there');
    }
    for (const [name, held] of this.#values) {
      if (!names.includes(name)) throw new SavedStateError(`${path}.${name}`, held, `absent: ${path} is ${allowed}`);
    }
  }

  /** The value as it came, for a reader of its own. */
  raw(name: string): unknown {
    return this.#values.get(name);
  }

  /** An integer from `minimum` to `maximum`. */
  integer(name: string, minimum: number, maximum: number): number {
    const value = this.raw(name);
    if (typeof value === 'number' && Number.isSafeInteger(value) && value >= minimum && value <= maximum) return value;
    return this.refuse(name, `an integer from ${minimum} to ${maximum}`);
  }

  /** An integer of 32 bits without sign. */
  u32(name: string): number {
    return this.integer(name, 0, 0xffff_ffff);
  }

  boolean(name: string): boolean {
    const value = this.raw(name);
    return typeof value === 'boolean' ? value : this.refuse(name, 'true or false');
  }

  /** One of the words `choices`. */
  oneOf<const T extends string>(name: string, choices: readonly T[]): T {
    const value = this.raw(name);
    return choices.find((choice) => choice === value) ?? this.refuse(name, `one of ${choices.join(', ')}`);
  }

  /** A text of at most `most` UTF-16 units. */
  text(name: string, most: number): string {
    const value = this.raw(name);
    return typeof value === 'string' && value.length <= most ? value : this.refuse(name, `a text of at most ${most} characters`);
  }

  /** Bytes, written by `hexOf`: exactly `length`, or from `length` to `most`. */
  bytes(name: string, length: number, most: number = length): Uint8Array {
    const value = this.raw(name);
    const fits = typeof value === 'string' && value.length >= 2 * length && value.length <= 2 * most && value.length % 2 === 0;
    if (fits && /^[0-9a-f]*$/.test(value)) {
      return Uint8Array.from({ length: value.length / 2 }, (_, i) => Number.parseInt(value.slice(2 * i, 2 * i + 2), 16));
    }
    return this.refuse(name, `the lower-case hexadecimal digits of ${length === most ? length : `${length} to ${most}`} bytes`);
  }

  /** An object with the fields `names`. */
  object(name: string, names: readonly string[]): SavedFields {
    return new SavedFields(this.raw(name), `${this.path}.${name}`, names);
  }

  /** The same, or null. */
  objectOrNull(name: string, names: readonly string[]): SavedFields | undefined {
    return this.raw(name) === null ? undefined : this.object(name, names);
  }

  /** An array of at most `most` elements, each an object with the fields `names`. */
  list(name: string, most: number, names: readonly string[]): readonly SavedFields[] {
    return this.#array(name, most).map((value, i) => new SavedFields(value, `${this.path}.${name}[${i}]`, names));
  }

  /** An array of at most `most` integers from `minimum` to `maximum`. */
  integers(name: string, most: number, minimum: number, maximum: number): readonly number[] {
    return this.#array(name, most).map((value, i) => {
      if (typeof value === 'number' && Number.isSafeInteger(value) && value >= minimum && value <= maximum) return value;
      return this.refuse(`${name}[${i}]`, `an integer from ${minimum} to ${maximum}`, value);
    });
  }

  /** Refuses a field for a reason of the part's own. */
  refuse(name: string, allowed: string, value: unknown = this.raw(name)): never {
    throw new SavedStateError(`${this.path}.${name}`, value, allowed);
  }

  #array(name: string, most: number): unknown[] {
    const value = this.raw(name);
    // The elements are read from a copy whose length was checked, so that the array cannot change in between.
    const copy: unknown[] | undefined = Array.isArray(value) && value.length <= most ? [...value] : undefined;
    return copy ?? this.refuse(name, `an array of at most ${most} elements`);
  }
}

/** Bytes as a saved state holds them: two lower-case hexadecimal digits each. */
export function hexOf(bytes: Uint8Array): string {
  let digits = '';
  for (const byte of bytes) digits += byte.toString(16).padStart(2, '0');
  return digits;
}

const MOST_SHOWN = 60;

function shown(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length > MOST_SHOWN ? `${value.slice(0, MOST_SHOWN)}…` : value);
  if (Array.isArray(value)) return `an array of ${value.length}`;
  if (typeof value === 'object' && value !== null) return 'an object';
  if (typeof value === 'function') return 'a function';
  return String(value);
}

/** True if two values of plain data are the same, in whatever order their fields stand; what is undefined counts as absent. */
export function samePlain(a: unknown, b: unknown): boolean {
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return Object.is(a, b);
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  const [left, right] = [new Map(Object.entries(a)), new Map(Object.entries(b))];
  return [...new Set([...left.keys(), ...right.keys()])].every((name) => samePlain(left.get(name), right.get(name)));
}
