// SPDX-License-Identifier: Apache-2.0
/** Saved states with one thing wrong: every field of one, each made something that no part saves. */
import { SavedStateError } from '../base/saved-state.ts';

/** A saved state with one field changed, and where. */
export interface MutatedState {
  /** path of the field that was changed, without the name of the part */
  readonly field: string;
  readonly state: unknown;
}

const ALIEN: readonly unknown[] = [undefined, -1, 0.5, 2 ** 60, -(2 ** 60), Number.NaN, 'nonsense!', [[[]]], { alien: 1 }, true];

/**
 * Each field of a saved state, at any depth, changed to each value that its kind never has; and each object with a field too many.
 * A field that is null may well be something else, and is left alone. `signed` matches fields that -1 is a good value of.
 */
export function mutations(state: unknown, signed?: RegExp): readonly MutatedState[] {
  return [...mutate(state, '')].filter(({ field, state }) => !(signed?.test(field) && at(state, field) === -1));
}

/** What a state has at a path. */
function at(state: unknown, field: string): unknown {
  let value = state;
  for (const name of field.match(/[^.[\]]+/g) ?? []) value = (value as Record<string, unknown>)[name];
  return value;
}

function* mutate(value: unknown, path: string): Generator<MutatedState> {
  if (value === null) return;
  for (const alien of ALIEN) if (kindOf(alien) !== kindOf(value) || isOdd(alien)) yield { field: path, state: alien };
  if (Array.isArray(value)) {
    for (const [i, each] of value.entries()) {
      for (const { field, state } of mutate(each, `${path}[${i}]`)) yield { field, state: value.with(i, state) };
    }
    return;
  }
  if (typeof value !== 'object') return;
  yield { field: `${path}.alien`, state: { ...value, alien: 0 } };
  for (const [name, each] of Object.entries(value)) {
    for (const { field, state } of mutate(each, `${path}.${name}`)) yield { field, state: { ...value, [name]: state } };
    const without: Record<string, unknown> = { ...value };
    delete without[name];
    yield { field: `${path}.${name}`, state: without };
  }
}

/** What is wrong even in a place of its own kind; a text may be any. */
function isOdd(value: unknown): boolean {
  return typeof value !== 'boolean' && typeof value !== 'string';
}

function kindOf(value: unknown): string {
  return Array.isArray(value) ? 'array' : typeof value;
}

/** Why a mutation was not refused as it should; undefined if it was refused by the name of the field, or of one around or within it. */
export function complaint({ field, state }: MutatedState, restore: (state: unknown) => void): string | undefined {
  try {
    restore(state);
  } catch (error) {
    if (!(error instanceof SavedStateError)) return `${field}: ${String(error)} was thrown`;
    const named = error.field.replace(/^[a-z]+/, '');
    return named.startsWith(field) || field.startsWith(named) ? undefined : `${field}: ${error.field} was blamed`;
  }
  return `${field}: it was taken`;
}
