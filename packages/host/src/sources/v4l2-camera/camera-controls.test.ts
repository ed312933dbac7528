// SPDX-License-Identifier: Apache-2.0
import { Errno, type SourceControl, V4L2_CID_BRIGHTNESS, V4L2_CID_GAIN } from '@paravideo/core';
import { describe, expect, it } from 'vitest';
import { CameraControls } from './camera-controls.ts';

const BRIGHTNESS: SourceControl = {
  id: V4L2_CID_BRIGHTNESS,
  type: 'integer',
  name: 'Brightness',
  minimum: 0,
  maximum: 100,
  step: 1,
  default: 50,
};
const GAIN: SourceControl = { ...BRIGHTNESS, id: V4L2_CID_GAIN, name: 'Gain' };
const FOCUS: SourceControl = { ...BRIGHTNESS, id: 0x1234, type: 'button', name: 'Focus', minimum: 0, maximum: 0, default: 0 };
const BOTH = { controls: [BRIGHTNESS, GAIN, FOCUS], values: new Map([[V4L2_CID_BRIGHTNESS, 70]]) };

/** Controls of a camera that answers as `answer` does, and what was told of them. */
function rig(answer: (value: number) => { errno: number; value: number } = (value) => ({ errno: 0, value })) {
  const controls = new CameraControls(BOTH, (_id, value) => Promise.resolve(answer(value)));
  const told: [number, number][] = [];
  controls.onChange((id, value) => told.push([id, value]));
  return { controls, told };
}

describe('the controls of a camera of this machine', () => {
  it('begin with the values that the camera has', () => {
    const { controls } = rig();
    expect([controls.get(V4L2_CID_BRIGHTNESS), controls.get(V4L2_CID_GAIN)]).toEqual([70, 50]);
  });

  it('have the value that the camera took, which need not be the one that was asked for', async () => {
    const { controls, told } = rig((value) => ({ errno: 0, value: value - (value % 10) }));
    expect(await controls.set(V4L2_CID_GAIN, 47)).toBe(0);
    expect([controls.get(V4L2_CID_GAIN), told]).toEqual([40, [[V4L2_CID_GAIN, 40]]]);
  });

  it('stay as they are when the camera refuses, with its errno', async () => {
    const { controls, told } = rig(() => ({ errno: Errno.EBUSY, value: 0 }));
    expect(await controls.set(V4L2_CID_GAIN, 47)).toBe(Errno.EBUSY);
    expect([controls.get(V4L2_CID_GAIN), told]).toEqual([50, []]);
  });

  it('tell that a button was pressed', async () => {
    const { controls, told } = rig();
    expect(await controls.set(FOCUS.id, 1)).toBe(0);
    expect(told).toEqual([[FOCUS.id, 0]]);
  });

  it('tell what the camera changes by itself: values, ranges and flags', () => {
    const { controls, told } = rig();
    const range = { minimum: 0, maximum: 100, step: 1, default: 50 };
    controls.changed(V4L2_CID_BRIGHTNESS, 33, range);
    controls.changed(V4L2_CID_GAIN, 60, { ...range, maximum: 200, inactive: true });
    expect(told).toContainEqual([V4L2_CID_BRIGHTNESS, 33]);
    expect(controls.get(V4L2_CID_GAIN)).toBe(60);
    expect(controls.declared[1]).toMatchObject({ maximum: 200, inactive: true });
  });

  it('do not believe a value outside of the range, or a default outside of it', () => {
    const { controls } = rig();
    controls.changed(V4L2_CID_GAIN, 900, { minimum: 0, maximum: 10, step: 1, default: 50 });
    expect(controls.declared[1]).toMatchObject({ maximum: 100, default: 50 });
    expect(controls.get(V4L2_CID_GAIN)).toBe(50);
  });

  it('are ENODEV while the camera is away, and those that the next camera lacks are disabled', async () => {
    const { controls } = rig();
    controls.gone();
    expect(await controls.set(V4L2_CID_GAIN, 1)).toBe(Errno.ENODEV);
    controls.found({ controls: [{ ...BRIGHTNESS, maximum: 80 }], values: new Map([[V4L2_CID_BRIGHTNESS, 5]]) });
    expect(controls.declared.map(({ disabled, maximum }) => [disabled === true, maximum])).toEqual([
      [false, 80],
      [true, 100],
      [true, 0],
    ]);
    expect(controls.get(V4L2_CID_BRIGHTNESS)).toBe(5);
    expect(await controls.set(V4L2_CID_BRIGHTNESS, 7)).toBe(0);
  });
});
