// SPDX-License-Identifier: Apache-2.0
/** A camera with several inputs, through the whole protocol. */
import { afterEach, describe, expect, it } from 'vitest';
import type { SourceControl } from '../../ports/index.ts';
import { SharedSource, SourceControls } from '../../source/index.ts';
import { errnoOf, SolidSource, TestCameras, ToyCapture, toyModes } from '../../testing/index.ts';
import {
  V4L2_BUF_TYPE_VIDEO_CAPTURE as CAPTURE,
  Errno,
  V4L2_CID_BRIGHTNESS,
  V4L2_CID_CONTRAST,
  V4L2_EVENT_CTRL,
  V4L2_EVENT_CTRL_CH_FLAGS,
  V4L2_EVENT_CTRL_CH_RANGE,
  V4L2_EVENT_CTRL_CH_VALUE,
  V4L2_EVENT_SOURCE_CHANGE,
  V4L2_IN_ST_NO_SIGNAL,
  V4L2_PIX_FMT_GREY,
  V4L2_PIX_FMT_NV12,
  V4L2_PIX_FMT_NV12M,
  V4L2_PIX_FMT_YUYV,
} from '../../wire/index.ts';
import { DeviceError } from '../framework/device-error.ts';

const DESK_CONTROLS: readonly SourceControl[] = [
  { id: V4L2_CID_BRIGHTNESS, type: 'integer', name: 'Brightness', minimum: -10, maximum: 10, step: 1, default: 0 },
  { id: V4L2_CID_CONTRAST, type: 'integer', name: 'Contrast', minimum: 0, maximum: 7, step: 1, default: 3 },
];

/** A camera that shows a solid source, and one of another kind that knows no size or control of the first but one. */
function frontAndDesk() {
  const front = new SolidSource({ card: 'Solid' });
  const controls = new SourceControls(DESK_CONTROLS);
  const capture = Object.assign(new ToyCapture(toyModes([V4L2_PIX_FMT_GREY, V4L2_PIX_FMT_NV12], [96, 64], [128, 96])), {
    controls,
  });
  const inputs = [
    { name: 'Front', source: front },
    { name: 'Desk', source: new SharedSource(capture) },
  ];
  return { front, capture, controls, inputs };
}

const cameras = new TestCameras();
const { guest } = cameras;
afterEach(async () => expect(await cameras.close()).toEqual([]));

describe('a camera with several inputs', () => {
  it('lists them, each with its own signal, begins with the first, and knows no others', async () => {
    const { capture, inputs } = frontAndDesk();
    const session = await (await guest(inputs)).driver.open();
    capture.vanish();
    expect(await session.enumInput(0)).toMatchObject({ index: 0, name: 'Front', status: 0 });
    expect(await session.enumInput(1)).toMatchObject({ index: 1, name: 'Desk', status: V4L2_IN_ST_NO_SIGNAL });
    expect(await session.enumInput(2)).toBeUndefined();
    expect(await session.gInput()).toBe(0);
    expect(await errnoOf(session.sInput(2))).toBe(Errno.EINVAL);
    expect(await session.gInput()).toBe(0);
  });

  it('shows what is chosen: its formats, its sizes and its frames', async () => {
    const { front, capture, inputs } = frontAndDesk();
    const session = await (await guest(inputs)).driver.open();
    await session.sInput(1);
    expect(await session.gInput()).toBe(1);
    expect(await session.enumFmt(CAPTURE, 0)).toMatchObject({ pixelformat: V4L2_PIX_FMT_GREY });
    expect(await session.enumFramesizes(V4L2_PIX_FMT_GREY, 0)).toMatchObject({ width: 96, height: 64 });
    await session.sFmt({ ...(await session.gFmt(CAPTURE)), pixelformat: V4L2_PIX_FMT_GREY });
    await session.reqbufs(CAPTURE, 1);
    await session.qbuf({ index: 0, type: CAPTURE });
    await session.streamon(CAPTURE);
    front.tick();
    expect(capture.push(new Uint8Array(96 * 64).fill(7))).toBe(true);
    expect((await session.dqbuf(CAPTURE)).planes[0]?.bytesused).toBe(96 * 64);
    expect(front.running).toBe(0);
  });

  it('keeps a format that the other input has too, and takes the nearest for one that it has not', async () => {
    const { inputs } = frontAndDesk();
    const session = await (await guest(inputs)).driver.open();
    const first = await session.gFmt(CAPTURE);
    await session.sFmt({ ...first, planes: [], width: 128, height: 96 });
    await session.sInput(1);
    expect(await session.gFmt(CAPTURE)).toMatchObject({ pixelformat: V4L2_PIX_FMT_NV12, width: 128, height: 96 });
    await session.sInput(0);
    await session.sFmt({ ...first, planes: [], pixelformat: V4L2_PIX_FMT_YUYV, width: 64, height: 48 });
    await session.sInput(1);
    expect(await session.gFmt(CAPTURE)).toMatchObject({ pixelformat: V4L2_PIX_FMT_GREY, width: 96, height: 64 });
  });

  it('answers EBUSY while somebody has buffers, but not to who asks for the input that is chosen', async () => {
    const { driver } = await guest(frontAndDesk().inputs);
    const [owner, other] = [await driver.open(), await driver.open()];
    await owner.reqbufs(CAPTURE, 1);
    for (const session of [owner, other]) {
      expect(await errnoOf(session.sInput(1))).toBe(Errno.EBUSY);
      await session.sInput(0);
    }
    await owner.reqbufs(CAPTURE, 0);
    await other.sInput(1);
    expect(await owner.gInput()).toBe(1);
  });

  it('has the controls of what is chosen, whose values and ranges subscribers are told', async () => {
    const { front, controls, inputs } = frontAndDesk();
    const { driver } = await guest(inputs);
    const [one, two] = [await driver.open(), await driver.open()];
    for (const session of [one, two]) await session.subscribeEvent(V4L2_EVENT_CTRL, V4L2_CID_BRIGHTNESS);
    expect(await errnoOf(one.gCtrl(V4L2_CID_CONTRAST))).toBe(Errno.EINVAL);
    controls.set(V4L2_CID_BRIGHTNESS, -4);
    await one.sInput(1);
    const changes = V4L2_EVENT_CTRL_CH_VALUE | V4L2_EVENT_CTRL_CH_FLAGS | V4L2_EVENT_CTRL_CH_RANGE;
    for (const session of [one, two]) {
      // The source that was not chosen changed too, which nobody was told.
      expect(await session.nextEvent()).toMatchObject({
        id: V4L2_CID_BRIGHTNESS,
        control: { changes, value: -4, minimum: -10, maximum: 10 },
      });
    }
    expect([await one.gCtrl(V4L2_CID_CONTRAST), await one.sCtrl(V4L2_CID_BRIGHTNESS, 5)]).toEqual([3, 5]);
    expect([controls.get(V4L2_CID_BRIGHTNESS), front.controls.get(V4L2_CID_BRIGHTNESS)]).toEqual([5, 128]);
    front.controls.set(V4L2_CID_BRIGHTNESS, 200);
    expect(await two.nextEvent()).toMatchObject({ control: { value: 5 } });
    await two.sInput(0);
    expect(await two.nextEvent()).toMatchObject({ control: { value: 200, minimum: 0, maximum: 255 } });
  });

  it('tells of a source by the number of its input, and other sessions of another choice', async () => {
    const { front, capture, inputs } = frontAndDesk();
    const { driver } = await guest(inputs);
    const [one, two] = [await driver.open(), await driver.open()];
    for (const session of [one, two]) for (const id of [0, 1]) await session.subscribeEvent(V4L2_EVENT_SOURCE_CHANGE, id);
    expect(await errnoOf(one.subscribeEvent(V4L2_EVENT_SOURCE_CHANGE, 2))).toBe(Errno.EINVAL);
    capture.vanish();
    expect(await one.nextEvent()).toMatchObject({ type: V4L2_EVENT_SOURCE_CHANGE, id: 1 });
    expect(await two.nextEvent()).toMatchObject({ type: V4L2_EVENT_SOURCE_CHANGE, id: 1 });
    const format = await one.gFmt(CAPTURE);
    expect(await errnoOf(one.sFmt(format))).toBe(0);
    await one.sInput(1);
    expect(await two.nextEvent()).toMatchObject({ type: V4L2_EVENT_SOURCE_CHANGE, id: 1 });
    expect(await errnoOf(one.sFmt(format))).toBe(Errno.ENODEV);
    front.unplug();
    expect(await one.nextEvent()).toMatchObject({ type: V4L2_EVENT_SOURCE_CHANGE, id: 0 });
  });

  it('is at its first input again after a reset, and the controls of all of them that this guest set are as before', async () => {
    const { controls, inputs } = frontAndDesk();
    const { driver, device } = await guest(inputs);
    const session = await driver.open();
    await session.sInput(1);
    await session.sCtrl(V4L2_CID_CONTRAST, 6);
    await session.close();
    device.reset();
    const next = await driver.open();
    expect([await next.gInput(), controls.get(V4L2_CID_CONTRAST)]).toEqual([0, 3]);
    expect(await next.gFmt(CAPTURE)).toMatchObject({ pixelformat: V4L2_PIX_FMT_NV12, width: 64, height: 48 });
  });

  it('needs one source at least, each of which has a format that the API carries', async () => {
    await expect(guest([])).rejects.toThrow(DeviceError);
    const coded = new SolidSource({ formats: [V4L2_PIX_FMT_NV12M] });
    await expect(guest([...frontAndDesk().inputs, { name: 'Two', source: coded }])).rejects.toThrow(DeviceError);
  });
});
