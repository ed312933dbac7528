// SPDX-License-Identifier: Apache-2.0
import { SharedSource, type SourceControl, SourceControls } from '@paravideo/core';
import { LateControls, ToyCapture } from '@paravideo/core/testing';
import { describe, expect, it } from 'vitest';
import { CameraControls, ConfiguredSource } from './camera-controls.ts';
import { ConfigError } from './config-error.ts';
import { keepValues, valuesById } from './fixed-values.ts';
import { createLogger } from './logger.ts';

const log = createLogger('silent');
const range = { minimum: 0, maximum: 10, step: 1, default: 0 };
const DECLARED: readonly SourceControl[] = [
  { id: 1, type: 'integer', name: 'Exposure Time, Absolute', ...range, step: 5 },
  { id: 2, type: 'boolean', name: 'Horizontal Flip', ...range, maximum: 1 },
  { id: 3, type: 'menu', name: 'Mode', ...range, maximum: 2, menu: ['Off', '', 'On'] },
  { id: 4, type: 'integer-menu', name: 'Bias', ...range, maximum: 1, integerMenu: [-1, 1] },
  { id: 5, type: 'button', name: 'Reset', ...range },
];

function mistakes(set: Record<string, number | boolean>): readonly string[] {
  try {
    valuesById(DECLARED, set, 'devices[0]');
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
  }
  return [];
}

describe('the values that a configuration gives to controls', () => {
  it('are named as v4l2-ctl names them', () => {
    const set = { exposure_time_absolute: 5, horizontal_flip: true, mode: 2, bias: 1 };
    expect([...valuesById(DECLARED, set, 'devices[0]')]).toEqual([
      [1, 5],
      [2, 1],
      [3, 2],
      [4, 1],
    ]);
  });

  it('are refused, with all that there are to choose from, where the source cannot have them', () => {
    expect(mistakes({ exposure_time_absolute: 7, horizontal_flip: 2, mode: 1, bias: 2, reset: 1 })).toEqual([
      'devices[0].set.exposure_time_absolute: must be from 0 to 10, in steps of 5',
      'devices[0].set.horizontal_flip: must be true or false',
      'devices[0].set.mode: must be one of 0 (Off), 2 (On)',
      'devices[0].set.bias: must be one of 0 (-1), 1 (1)',
      'devices[0].set.reset: the source has no such control (there are: exposure_time_absolute, horizontal_flip, mode, bias)',
    ]);
  });

  it('are set when the camera is there, and again when it is back', () => {
    const controls = new LateControls(DECLARED);
    const toy = Object.assign(new ToyCapture(undefined, 'not found'), { controls });
    keepValues(new SharedSource(toy), new Map([[1, 5]]), log);
    expect(controls.asked).toBe(0);
    toy.appear();
    controls.answer();
    expect(controls.get(1)).toBe(5);
    toy.vanish();
    controls.camera.set(1, 0);
    toy.appear();
    controls.answer();
    expect(controls.get(1)).toBe(5);
  });

  it('are those of one camera where the source has one set of controls, and no guest of another changes them', () => {
    const controls = new SourceControls(DECLARED);
    const source = () => new ConfiguredSource(new SharedSource(Object.assign(new ToyCapture(), { controls })));
    const camera = (of: ConfiguredSource, n: number, policy: 'fixed' | 'shared' | 'none', set = {}) =>
      new CameraControls(of, { controls: policy, set }, `devices[${n}]`, log);
    const one = source();
    camera(one, 0, 'fixed', { mode: 2 });
    camera(one, 1, 'fixed');
    camera(one, 2, 'none');
    expect(controls.get(3)).toBe(2);
    expect(() => camera(one, 3, 'shared')).toThrow(/devices\[3\]\.controls: .* devices\[0\] has them fixed/);
    expect(() => camera(source(), 1, 'fixed', { colour: 1 })).toThrow(ConfigError);
    const two = source();
    camera(two, 0, 'fixed', { mode: 2 });
    expect(() => camera(two, 1, 'fixed', { mode: 0 })).toThrow(/devices\[1\]\.set: .* devices\[0\] sets them/);
    const three = source();
    camera(three, 0, 'shared');
    expect(() => camera(three, 1, 'fixed')).toThrow(/devices\[0\]\.controls: .* devices\[1\] has them fixed/);
  });
});
