// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { SourceControls } from './source-controls.ts';
import { SourceError } from './source-error.ts';

const make = (): SourceControls =>
  new SourceControls([
    { id: 1, type: 'integer', name: 'Level', minimum: -5, maximum: 5, step: 1, default: 2 },
    { id: 2, type: 'button', name: 'Reset', minimum: 0, maximum: 0, step: 0, default: 0 },
  ]);

describe('the controls of a source', () => {
  it('start at their defaults and tell every listener of a change, and only of a change', () => {
    const controls = make();
    const heard: string[] = [];
    const listener = (id: number, value: number): void => void heard.push(`${id}=${value}`);
    const first = controls.onChange(listener);
    const second = controls.onChange(listener);
    expect(controls.get(1)).toBe(2);
    controls.set(1, 2);
    expect(heard).toEqual([]);
    controls.set(1, -5);
    expect(heard).toEqual(['1=-5', '1=-5']);
    first[Symbol.dispose]();
    first[Symbol.dispose]();
    controls.set(1, 5);
    expect(heard).toEqual(['1=-5', '1=-5', '1=5']);
    second[Symbol.dispose]();
    controls.set(1, 0);
    expect(heard).toHaveLength(3);
    expect(controls.get(1)).toBe(0);
  });

  it('include buttons, which read 0 and tell of every press', () => {
    const controls = make();
    let presses = 0;
    using _heard = controls.onChange(() => void presses++);
    controls.set(2, 1);
    controls.set(2, 1);
    expect(presses).toBe(2);
    expect(controls.get(2)).toBe(0);
  });

  it('have another range when they are told so, in which their values are, and tell every listener', () => {
    const controls = new SourceControls([
      ...make().declared,
      { id: 3, type: 'menu', name: 'Mode', minimum: 0, maximum: 3, step: 1, default: 0, menu: ['a', 'b', 'c', 'd'] },
    ]);
    controls.set(1, 5);
    controls.set(3, 3);
    const heard: string[] = [];
    using _heard = controls.onChange((id, value) => void heard.push(`${id}=${value}`));
    controls.change(1, { maximum: 4, step: 3 });
    controls.change(3, { minimum: 1, maximum: 2, default: 2 });
    controls.change(2, { inactive: true });
    expect(heard).toEqual(['1=4', '3=2', '2=0']);
    expect(controls.declared).toMatchObject([
      { id: 1, minimum: -5, maximum: 4, step: 3, default: 2 },
      { id: 2, inactive: true },
      { id: 3, minimum: 1, maximum: 2, default: 2 },
    ]);
    expect(() => controls.set(1, 5)).toThrow(SourceError);
    expect(() => controls.change(1, { maximum: 1 })).toThrow(/Level: its default 2 is outside -5 to 1/);
    expect(controls.get(1)).toBe(4);
  });

  it('refuse what was not declared', () => {
    const controls = make();
    expect(() => controls.get(3)).toThrow(SourceError);
    expect(() => controls.set(3, 0)).toThrow(SourceError);
    expect(() => controls.set(1, 6)).toThrow(/Level: 6 is outside -5 to 5/);
    expect(() => controls.set(1, 0.5)).toThrow(SourceError);
  });
});
