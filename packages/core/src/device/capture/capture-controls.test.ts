// SPDX-License-Identifier: Apache-2.0
/** The controls of a camera through the whole protocol. */

import { afterEach, describe, expect, it } from 'vitest';
import type { ControlPort, SourceControl } from '../../ports/index.ts';
import { SharedSource, SourceControls } from '../../source/index.ts';
import { errnoOf, LateControls, ManualClock, SolidSource, TestCameras, ToyCapture } from '../../testing/index.ts';
import {
  Errno,
  V4L2_CID_BRIGHTNESS,
  V4L2_CID_HFLIP,
  V4L2_CID_TEST_PATTERN,
  V4L2_CTRL_FLAG_DISABLED,
  V4L2_CTRL_FLAG_GRABBED,
  V4L2_CTRL_FLAG_INACTIVE,
  V4L2_CTRL_FLAG_NEXT_CTRL,
  V4L2_CTRL_FLAG_READ_ONLY,
  V4L2_EVENT_CTRL,
  V4L2_EVENT_CTRL_CH_FLAGS,
  V4L2_EVENT_CTRL_CH_RANGE,
  V4L2_EVENT_CTRL_CH_VALUE,
  V4L2_EVENT_EOS,
  V4L2_EVENT_SUB_FL_ALLOW_FEEDBACK,
  V4L2_EVENT_SUB_FL_SEND_INITIAL,
} from '../../wire/index.ts';
import { CONTROL_ANSWER_WAIT } from './capture-controls.ts';

const LEVEL = V4L2_CID_BRIGHTNESS;
const DECLARED: readonly SourceControl[] = [
  { id: LEVEL, type: 'integer', name: 'Level', minimum: 0, maximum: 255, step: 1, default: 128 },
];

/** A source whose controls are these. */
const sourceWith = (controls: ControlPort): SharedSource => new SharedSource(Object.assign(new ToyCapture(), { controls }));

const cameras = new TestCameras();
const { guest } = cameras;
afterEach(async () => expect(await cameras.close()).toEqual([]));

describe('controls of a camera', () => {
  it('are those of the source, with ids in order', async () => {
    const { driver } = await guest(new SolidSource());
    const session = await driver.open();
    const ids: number[] = [];
    for (let id = 0; ; ) {
      const control = await session.queryctrl((id | V4L2_CTRL_FLAG_NEXT_CTRL) >>> 0);
      if (control === undefined) break;
      id = control.id;
      ids.push(id);
    }
    expect(ids).toEqual([...ids].sort((a, b) => a - b));
    for (const id of [V4L2_CID_BRIGHTNESS, V4L2_CID_HFLIP, V4L2_CID_TEST_PATTERN]) expect(ids).toContain(id);
    expect((await session.querymenu(V4L2_CID_TEST_PATTERN, 2))?.name).toBe('Counting');
    expect(await session.querymenu(V4L2_CID_TEST_PATTERN, 1)).toBeUndefined();
  });

  it('act on the source, and are heard by other sessions and other guests, not by the one that set them', async () => {
    const source = new SolidSource();
    const here = await guest(source);
    const there = await guest(source);
    const [one, two, three] = [await here.driver.open(), await here.driver.open(), await there.driver.open()];
    for (const session of [one, two, three]) await session.subscribeEvent(V4L2_EVENT_CTRL, V4L2_CID_BRIGHTNESS);
    expect(await one.sCtrl(V4L2_CID_BRIGHTNESS, 1000)).toBe(255);
    expect(source.controls.get(V4L2_CID_BRIGHTNESS)).toBe(255);
    for (const session of [two, three]) {
      expect(await session.nextEvent()).toMatchObject({
        type: V4L2_EVENT_CTRL,
        id: V4L2_CID_BRIGHTNESS,
        control: { changes: 1, value: 255 },
      });
      expect(await session.gCtrl(V4L2_CID_BRIGHTNESS)).toBe(255);
    }
    await one.gCtrl(V4L2_CID_BRIGHTNESS);
    expect(one.tryNextEvent()).toBeUndefined();
  });

  it('P10: tell their state with SEND_INITIAL, and come back with ALLOW_FEEDBACK', async () => {
    const { driver } = await guest(new SolidSource());
    const session = await driver.open();
    const flags = V4L2_EVENT_SUB_FL_SEND_INITIAL | V4L2_EVENT_SUB_FL_ALLOW_FEEDBACK;
    await session.subscribeEvent(V4L2_EVENT_CTRL, V4L2_CID_BRIGHTNESS, flags);
    expect(session.tryNextEvent()).toMatchObject({
      control: { changes: 3, value: 128, minimum: 0, maximum: 255, step: 1, defaultValue: 128 },
    });
    await session.sCtrl(V4L2_CID_BRIGHTNESS, 7);
    expect(await session.nextEvent()).toMatchObject({ control: { changes: 1, value: 7 } });
    expect(await errnoOf(session.subscribeEvent(V4L2_EVENT_CTRL, 0x1234))).toBe(Errno.EINVAL);
    expect(await errnoOf(session.subscribeEvent(V4L2_EVENT_EOS))).toBe(Errno.EINVAL);
  });

  it('P6: errors of the ext-controls ioctls carry error_idx to the guest', async () => {
    const { driver } = await guest(new SolidSource());
    const session = await driver.open();
    const controls = [
      { id: V4L2_CID_BRIGHTNESS, value: 5 },
      { id: V4L2_CID_TEST_PATTERN, value: 77 },
    ];
    expect(await session.tryExtCtrls(controls)).toMatchObject({ errno: Errno.ERANGE, errorIdx: 1 });
    expect(await session.sExtCtrls(controls)).toMatchObject({ errno: Errno.ERANGE, errorIdx: 2 });
    expect(await session.gCtrl(V4L2_CID_BRIGHTNESS)).toBe(128);
  });
});

describe('a control whose source changes it', () => {
  it('has another range at once, and a value in it, of which every session hears', async () => {
    const controls = new SourceControls(DECLARED);
    const { driver } = await guest(sourceWith(controls));
    const [one, two] = [await driver.open(), await driver.open()];
    await one.sCtrl(LEVEL, 200);
    for (const session of [one, two]) await session.subscribeEvent(V4L2_EVENT_CTRL, LEVEL);
    controls.change(LEVEL, { minimum: 10, maximum: 100, step: 4, default: 50 });
    const range = { minimum: 10, maximum: 100, step: 4, defaultValue: 50 };
    for (const session of [one, two]) {
      expect(await session.nextEvent()).toMatchObject({
        control: { changes: V4L2_EVENT_CTRL_CH_RANGE | V4L2_EVENT_CTRL_CH_VALUE, value: 98, ...range },
      });
      expect(session.tryNextEvent()).toBeUndefined();
      expect(await session.queryctrl(LEVEL)).toMatchObject(range);
      expect(await session.queryExtCtrl(LEVEL)).toMatchObject(range);
      expect(await session.gCtrl(LEVEL)).toBe(98);
    }
    expect(await one.sCtrl(LEVEL, 3)).toBe(10);
    expect(await one.sCtrl(LEVEL, 51)).toBe(50);
    expect(controls.get(LEVEL)).toBe(50);
    expect(await two.nextEvent()).toMatchObject({ control: { changes: V4L2_EVENT_CTRL_CH_VALUE, value: 10 } });
    controls.change(LEVEL, { default: 90 });
    expect(await one.nextEvent()).toMatchObject({ control: { changes: V4L2_EVENT_CTRL_CH_RANGE, defaultValue: 90 } });
  });

  it.each([
    ['inactive', V4L2_CTRL_FLAG_INACTIVE, 0],
    ['grabbed', V4L2_CTRL_FLAG_GRABBED, Errno.EBUSY],
    ['readOnly', V4L2_CTRL_FLAG_READ_ONLY, Errno.EACCES],
    ['disabled', V4L2_CTRL_FLAG_DISABLED, Errno.EINVAL],
  ])('has the flag of %s, which is told, and S_CTRL answers %#x as long as it has', async (name, flag, errno) => {
    const controls = new SourceControls(DECLARED);
    const { driver } = await guest(sourceWith(controls));
    const session = await driver.open();
    const { flags = 0 } = (await session.queryctrl(LEVEL)) ?? {};
    await session.subscribeEvent(V4L2_EVENT_CTRL, LEVEL);
    controls.change(LEVEL, { [name]: true });
    expect(await session.nextEvent()).toMatchObject({
      control: { changes: V4L2_EVENT_CTRL_CH_FLAGS, flags: flags | flag, value: 128 },
    });
    expect((await session.queryExtCtrl(LEVEL))?.flags).toBe(flags | flag);
    expect(await errnoOf(session.sCtrl(LEVEL, 5))).toBe(errno);
    expect((await session.sExtCtrls([{ id: LEVEL, value: 5 }])).errno).toBe(errno);
    controls.change(LEVEL, { [name]: false });
    expect(await session.nextEvent()).toMatchObject({ control: { changes: V4L2_EVENT_CTRL_CH_FLAGS, flags } });
    expect(await session.sCtrl(LEVEL, 5)).toBe(5);
  });

  it('has its flags and its range from the beginning where they are declared so', async () => {
    const controls = new SourceControls(DECLARED);
    controls.change(LEVEL, { maximum: 130, grabbed: true });
    const { driver } = await guest(sourceWith(controls));
    const session = await driver.open();
    expect(await session.queryctrl(LEVEL)).toMatchObject({ maximum: 130 });
    expect(await errnoOf(session.sCtrl(LEVEL, 5))).toBe(Errno.EBUSY);
  });
});

describe('a control of a camera that has to be asked', () => {
  it('is set when the camera has taken it, and the others hear of it then', async () => {
    const controls = new LateControls(DECLARED);
    const { driver } = await guest(sourceWith(controls));
    const [one, two] = [await driver.open(), await driver.open()];
    for (const session of [one, two]) await session.subscribeEvent(V4L2_EVENT_CTRL, LEVEL);
    const set = one.sCtrl(LEVEL, 7);
    await expect.poll(() => controls.asked).toBe(1);
    expect(await two.gCtrl(LEVEL)).toBe(128);
    expect(two.tryNextEvent()).toBeUndefined();
    controls.answer();
    expect(await set).toBe(7);
    expect(await two.nextEvent()).toMatchObject({ control: { changes: V4L2_EVENT_CTRL_CH_VALUE, value: 7 } });
    expect(await one.gCtrl(LEVEL)).toBe(7);
    expect(one.tryNextEvent()).toBeUndefined();
  });

  it('is as before where the camera refuses it, and the guest gets the errno', async () => {
    const controls = new LateControls(DECLARED);
    const { driver } = await guest(sourceWith(controls));
    const session = await driver.open();
    for (const set of [() => errnoOf(session.sCtrl(LEVEL, 7)), async () => session.sExtCtrls([{ id: LEVEL, value: 7 }])]) {
      const answer = set();
      await expect.poll(() => controls.asked).toBe(1);
      controls.answer(Errno.EIO);
      const got = await answer;
      expect(got).toEqual(typeof got === 'number' ? Errno.EIO : expect.objectContaining({ errno: Errno.EIO, errorIdx: 0 }));
      expect(await session.gCtrl(LEVEL)).toBe(128);
    }
  });

  it('has the value that the camera took last when two programs and the camera itself set it', async () => {
    const controls = new LateControls(DECLARED);
    const { driver } = await guest(sourceWith(controls));
    const [one, two] = [await driver.open(), await driver.open()];
    const sets = [one.sCtrl(LEVEL, 7), two.sCtrl(LEVEL, 9)];
    await expect.poll(() => controls.asked).toBe(2);
    controls.camera.set(LEVEL, 3);
    controls.answer();
    controls.answer();
    await Promise.all(sets);
    expect(await Promise.all([one.gCtrl(LEVEL), two.gCtrl(LEVEL)])).toEqual([9, 9]);
  });

  it('is answered with EIO where the camera is silent, and told with an event if it takes it after all', async () => {
    const controls = new LateControls(DECLARED);
    const clock = new ManualClock();
    const { driver } = await guest(sourceWith(controls), { clock });
    const session = await driver.open();
    await session.subscribeEvent(V4L2_EVENT_CTRL, LEVEL);
    const answer = errnoOf(session.sCtrl(LEVEL, 7));
    await expect.poll(() => clock.pending).toBe(1);
    clock.advance(CONTROL_ANSWER_WAIT);
    expect(await answer).toBe(Errno.EIO);
    expect(await session.gCtrl(LEVEL)).toBe(128);
    controls.answer();
    expect(await session.nextEvent()).toMatchObject({ control: { changes: V4L2_EVENT_CTRL_CH_VALUE, value: 7 } });
    expect(await session.gCtrl(LEVEL)).toBe(7);
    expect(clock.pending).toBe(0);
  });
});
