// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { hexOf, SavedFields, SavedStateError, samePlain } from './index.ts';

const GOOD = {
  count: 3,
  on: true,
  kind: 'b',
  name: 'x',
  data: '00ff',
  part: { n: 1 },
  none: null,
  list: [{ n: 1 }],
  numbers: [4],
};
const NAMES = Object.keys(GOOD);

/** Everything of `GOOD`, read. */
function read(value: unknown): unknown {
  const fields = new SavedFields(value, 'state', NAMES);
  return {
    count: fields.integer('count', 0, 5),
    on: fields.boolean('on'),
    kind: fields.oneOf('kind', ['a', 'b']),
    name: fields.text('name', 2),
    data: hexOf(fields.bytes('data', 2)),
    part: { n: fields.object('part', ['n']).u32('n') },
    none: fields.objectOrNull('none', ['n']) ?? null,
    list: fields.list('list', 2, ['n']).map((one) => ({ n: one.u32('n') })),
    numbers: fields.integers('numbers', 2, 0, 9),
  };
}

describe('the fields of a saved state', () => {
  it('are read as they were written', () => {
    expect(read(JSON.parse(JSON.stringify(GOOD)))).toEqual(GOOD);
  });

  it.each([
    ['state', null],
    ['state', 7],
    ['state', [GOOD]],
    ['state.count', { ...GOOD, count: 6 }],
    ['state.count', { ...GOOD, count: -1 }],
    ['state.count', { ...GOOD, count: 1.5 }],
    ['state.count', { ...GOOD, count: '3' }],
    ['state.count', { ...GOOD, count: Number.NaN }],
    ['state.on', { ...GOOD, on: 1 }],
    ['state.kind', { ...GOOD, kind: 'c' }],
    ['state.name', { ...GOOD, name: 'xyz' }],
    ['state.data', { ...GOOD, data: '00f' }],
    ['state.data', { ...GOOD, data: '00fg' }],
    ['state.data', { ...GOOD, data: '00FF' }],
    ['state.data', { ...GOOD, data: '00ff00' }],
    ['state.data', { ...GOOD, data: Uint8Array.of(0, 255) }],
    ['state.part.n', { ...GOOD, part: { n: 2 ** 32 } }],
    ['state.part.n', { ...GOOD, part: {} }],
    ['state.part.more', { ...GOOD, part: { n: 1, more: 1 } }],
    ['state.none', { ...GOOD, none: 0 }],
    ['state.list', { ...GOOD, list: [{ n: 1 }, { n: 1 }, { n: 1 }] }],
    ['state.list', { ...GOOD, list: { length: 1 } }],
    ['state.list[1].n', { ...GOOD, list: [{ n: 1 }, { n: -1 }] }],
    ['state.numbers[1]', { ...GOOD, numbers: [1, 10] }],
    ['state.more', { ...GOOD, more: 1 }],
  ])('are refused by name: %s', (field, value) => {
    let error: unknown;
    try {
      read(value);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(SavedStateError);
    expect(error).toMatchObject({ field, message: expect.stringContaining(`${field} is `) });
  });

  it('are named with their value and what is allowed', () => {
    expect(() => read({ ...GOOD, count: 6 })).toThrow('state.count is 6: it must be an integer from 0 to 5');
    expect(() => read({ ...GOOD, name: 'x'.repeat(1000) })).toThrow(/^state.name is "x{60}…": it must be a text/);
  });
});

describe('two values of plain data', () => {
  it('are the same whatever the order of their fields, and where what is undefined is absent in the other', () => {
    expect(samePlain({ a: 1, b: [{ c: null }] }, { b: [{ c: null }], a: 1, d: undefined })).toBe(true);
  });

  it.each([
    [{ a: 1 }, { a: 2 }],
    [{ a: 1 }, { a: 1, b: 0 }],
    [{ a: 1, b: 0 }, { a: 1 }],
    [[1, 2], [1]],
    [[], {}],
    [{ a: null }, {}],
    [null, {}],
    [1, '1'],
  ])('differ: %j and %j', (a, b) => {
    expect(samePlain(a, b)).toBe(false);
  });
});
