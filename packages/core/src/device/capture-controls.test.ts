// SPDX-License-Identifier: Apache-2.0
/** The controls of a camera through the whole protocol. */

import { afterEach, describe, expect, it } from 'vitest';
import { errnoOf, SolidSource, TestCameras } from '../testing/index.ts';
import {
  Errno,
  V4L2_CID_BRIGHTNESS,
  V4L2_CID_HFLIP,
  V4L2_CID_TEST_PATTERN,
  V4L2_CTRL_FLAG_NEXT_CTRL,
  V4L2_EVENT_CTRL,
  V4L2_EVENT_EOS,
  V4L2_EVENT_SUB_FL_ALLOW_FEEDBACK,
  V4L2_EVENT_SUB_FL_SEND_INITIAL,
} from '../wire/index.ts';

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
