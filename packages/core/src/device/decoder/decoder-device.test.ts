// SPDX-License-Identifier: Apache-2.0
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { BufferSet, DriverSession } from '../../driver/index.ts';
import {
  errnoOf,
  ManualClock,
  TOY_FOURCC,
  type ToyClient,
  ToyGuest,
  type ToyGuestOptions,
  toyHeader,
} from '../../testing/index.ts';
import {
  Errno,
  V4L2_BUF_TYPE_VIDEO_CAPTURE,
  V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE,
  V4L2_BUF_TYPE_VIDEO_OUTPUT,
  V4L2_BUF_TYPE_VIDEO_OUTPUT_MPLANE,
  V4L2_CAP_EXT_PIX_FORMAT,
  V4L2_CAP_STREAMING,
  V4L2_CAP_VIDEO_M2M_MPLANE,
  V4L2_CID_MIN_BUFFERS_FOR_CAPTURE,
  V4L2_CID_MPEG_VIDEO_H264_LEVEL,
  V4L2_CID_MPEG_VIDEO_H264_PROFILE,
  V4L2_CID_MPEG_VIDEO_VP9_LEVEL,
  V4L2_COLORSPACE_BT2020,
  V4L2_COLORSPACE_REC709,
  V4L2_CTRL_FLAG_READ_ONLY,
  V4L2_DEC_CMD_FLUSH,
  V4L2_DEC_CMD_PAUSE,
  V4L2_DEC_CMD_RESUME,
  V4L2_DEC_CMD_START,
  V4L2_DEC_CMD_STOP,
  V4L2_EVENT_CTRL,
  V4L2_EVENT_EOS,
  V4L2_EVENT_SOURCE_CHANGE,
  V4L2_EVENT_VSYNC,
  V4L2_FMT_FLAG_COMPRESSED,
  V4L2_FMT_FLAG_DYN_RESOLUTION,
  V4L2_PIX_FMT_AV1,
  V4L2_PIX_FMT_H264,
  V4L2_PIX_FMT_HEVC,
  V4L2_PIX_FMT_MJPEG,
  V4L2_PIX_FMT_MPEG2,
  V4L2_PIX_FMT_NV12,
  V4L2_PIX_FMT_NV12M,
  V4L2_PIX_FMT_VP8,
  V4L2_PIX_FMT_VP9,
  V4L2_PIX_FMT_YUV420,
  V4L2_PIX_FMT_YUV420M,
  V4L2_SEL_FLAG_GE,
  V4L2_SEL_FLAG_LE,
  V4L2_SEL_TGT_COMPOSE,
  V4L2_SEL_TGT_COMPOSE_BOUNDS,
  V4L2_SEL_TGT_COMPOSE_DEFAULT,
  V4L2_SEL_TGT_COMPOSE_PADDED,
  V4L2_SEL_TGT_CROP,
  V4L2_SEL_TGT_CROP_BOUNDS,
  V4L2_SEL_TGT_CROP_DEFAULT,
  V4L2_SEL_TGT_NATIVE_SIZE,
  VIDIOC_ENUMINPUT,
  VIDIOC_G_PARM,
} from '../../wire/index.ts';
import { DeviceError } from '../framework/device-error.ts';
import { offeredCodecs } from '../m2m/codec-menus.ts';
import { DecoderDevice } from './decoder-device.ts';

const OUTPUT = V4L2_BUF_TYPE_VIDEO_OUTPUT_MPLANE;
const CAPTURE = V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE;

let guest: ToyGuest;
let client: ToyClient;
let session: DriverSession;

async function restart(o: ToyGuestOptions = {}): Promise<void> {
  guest = await ToyGuest.start(o);
  client = await guest.open();
  session = client.session;
}

beforeEach(() => restart());
afterEach(async () => {
  await guest.close();
  expect(guest.transport.bugs).toEqual([]);
});

/** Lets the decoder find a header. */
async function header(o: Parameters<typeof toyHeader>[0] = {}): Promise<void> {
  await client.startOutput();
  await client.send(0, toyHeader(o));
  await guest.rest();
}

describe('the device', () => {
  test('P15: it is a multi-planar memory-to-memory device that streams', () => {
    const { deviceCaps, deviceType, card } = guest.driver.config;
    expect(deviceCaps).toBe(V4L2_CAP_VIDEO_M2M_MPLANE | V4L2_CAP_STREAMING | V4L2_CAP_EXT_PIX_FORMAT);
    expect([deviceType, card]).toEqual([0, 'Paravideo decoder']);
  });

  test('sessions beyond the limit get EMFILE, and a closed one makes room', async () => {
    await guest.close();
    await restart({ limits: { sessions: 2 } });
    const second = await guest.driver.open();
    expect(await errnoOf(guest.driver.open())).toBe(Errno.EMFILE);
    await second.close();
    await guest.rest();
    expect(await errnoOf(guest.driver.open())).toBe(0);
  });

  test('streams beyond the limit get EBUSY at STREAMON, and a freed queue makes room', async () => {
    await guest.close();
    await restart({ streams: 1 });
    await client.startOutput();
    const other = await guest.open();
    expect(await errnoOf(other.startOutput())).toBe(Errno.EBUSY);
    await session.streamoff(OUTPUT);
    await client.coded?.release();
    expect(await errnoOf(other.session.streamon(OUTPUT))).toBe(0);
  });

  test('a disposed device has closed its sessions and freed their memory', async () => {
    await header();
    await client.startCapture();
    await guest.device[Symbol.asyncDispose]();
    expect([guest.device.sessions, guest.factory.live]).toEqual([0, 0]);
  });

  test('a factory without a codec that V4L2 knows is a mistake of ours', () => {
    const { arena } = guest.transport;
    const factory = { capabilities: [], create: () => undefined };
    const device = new DecoderDevice({ factory, buffers: arena, clock: new ManualClock() });
    expect(() => device.open({ dequeue: () => {}, buffersFreed: () => {}, event: () => {}, error: () => {} })).toThrow(
      DeviceError,
    );
  });

  test('VM-D4: an ioctl that a decoder does not have is ENOTTY', async () => {
    for (const nr of [VIDIOC_G_PARM, VIDIOC_ENUMINPUT]) {
      expect((await session.ioctl(nr, new Uint8Array(nr === VIDIOC_G_PARM ? 204 : 80))).errno).toBe(Errno.ENOTTY);
    }
  });
});

describe('formats', () => {
  test('OUTPUT enumerates the codecs, whatever is set', async () => {
    await guest.close();
    await restart({ codecs: ['h264', 'hevc', 'vp8', 'vp9', 'av1', 'mpeg2', 'mjpeg'] });
    const found = [];
    for (let i = 0; ; i++) {
      const entry = await session.enumFmt(OUTPUT, i);
      if (entry === undefined) break;
      expect(entry.flags).toBe(V4L2_FMT_FLAG_COMPRESSED | V4L2_FMT_FLAG_DYN_RESOLUTION);
      found.push(entry.pixelformat);
    }
    expect(found).toEqual([
      V4L2_PIX_FMT_H264,
      V4L2_PIX_FMT_HEVC,
      V4L2_PIX_FMT_VP8,
      V4L2_PIX_FMT_VP9,
      V4L2_PIX_FMT_AV1,
      V4L2_PIX_FMT_MPEG2,
      V4L2_PIX_FMT_MJPEG,
    ]);
    expect((await session.enumFmt(OUTPUT, 0))?.description).toBe('H.264');
  });

  test('CAPTURE enumerates the raw formats of the codec', async () => {
    const found = [];
    for (let i = 0; i < 5; i++) found.push((await session.enumFmt(CAPTURE, i))?.pixelformat);
    expect(found).toEqual([V4L2_PIX_FMT_NV12, V4L2_PIX_FMT_YUV420, V4L2_PIX_FMT_NV12M, V4L2_PIX_FMT_YUV420M, undefined]);
    expect((await session.enumFmt(CAPTURE, 0))?.flags).toBe(0);
  });

  test('sizes are the range of the codec, for coded and raw formats', async () => {
    const range = { kind: 'stepwise', minWidth: 16, maxWidth: 4096, stepWidth: 1, minHeight: 16, maxHeight: 4096, stepHeight: 1 };
    for (const fourcc of [TOY_FOURCC, V4L2_PIX_FMT_YUV420M]) {
      expect(await session.enumFramesizes(fourcc, 0)).toEqual(range);
      expect(await session.enumFramesizes(fourcc, 1)).toBeUndefined();
    }
    expect(await session.enumFramesizes(V4L2_PIX_FMT_H264, 0)).toBeUndefined();
  });

  test('S_FMT of OUTPUT is adjusted, and CAPTURE follows it', async () => {
    const set = await session.sFmt({
      type: OUTPUT,
      pixelformat: 0x12345678,
      width: 100_000,
      height: 3,
      colorspace: V4L2_COLORSPACE_BT2020,
      xferFunc: 200,
      planes: [{ bytesPerLine: 77, sizeImage: 1 }],
    });
    expect(set).toMatchObject({ pixelformat: TOY_FOURCC, width: 4096, height: 16, field: 1, flags: 0, xferFunc: 0 });
    expect(set.planes).toEqual([{ bytesPerLine: 0, sizeImage: 4096 }]);
    const raw = await session.gFmt(CAPTURE);
    expect(raw).toMatchObject({ pixelformat: V4L2_PIX_FMT_NV12, width: 4096, height: 16, colorspace: V4L2_COLORSPACE_BT2020 });
    expect(raw.planes).toEqual([{ bytesPerLine: 4096, sizeImage: 4096 * 24 }]);
    expect(await session.gFmt(OUTPUT)).toEqual(set);
  });

  test('a coded buffer of no given size is large enough for one picture', async () => {
    const set = await session.sFmt({ type: OUTPUT, pixelformat: TOY_FOURCC, width: 1920, height: 1080 });
    expect(set.planes[0]?.sizeImage).toBeGreaterThanOrEqual(1920 * 1080 * 0.75);
    expect(set.colorspace).toBe(V4L2_COLORSPACE_REC709);
  });

  test('TRY_FMT answers as S_FMT would, and changes nothing', async () => {
    const [before, raw] = [await session.gFmt(OUTPUT), await session.gFmt(CAPTURE)];
    expect(await session.tryFmt({ type: OUTPUT, width: 64, height: 48 })).toMatchObject({ width: 64, height: 48 });
    expect(await session.tryFmt({ type: CAPTURE, pixelformat: V4L2_PIX_FMT_YUV420 })).toMatchObject({
      pixelformat: V4L2_PIX_FMT_YUV420,
      width: raw.width,
    });
    expect([await session.gFmt(OUTPUT), await session.gFmt(CAPTURE)]).toEqual([before, raw]);
  });

  test('CAPTURE chooses the raw format, but not the size: there is no scaler', async () => {
    await session.sFmt({ type: OUTPUT, width: 64, height: 48 });
    const set = await session.sFmt({ type: CAPTURE, pixelformat: V4L2_PIX_FMT_NV12M, width: 640, height: 480 });
    expect(set).toMatchObject({ pixelformat: V4L2_PIX_FMT_NV12M, width: 64, height: 48 });
    expect(set.planes.map((plane) => plane.sizeImage)).toEqual([64 * 48, 64 * 24]);
    expect(await session.gFmt(CAPTURE)).toEqual(set);
    expect((await session.sFmt({ type: CAPTURE, pixelformat: TOY_FOURCC })).pixelformat).toBe(V4L2_PIX_FMT_NV12);
  });

  test('the single-planar types are refused', async () => {
    for (const type of [V4L2_BUF_TYPE_VIDEO_CAPTURE, V4L2_BUF_TYPE_VIDEO_OUTPUT, 13]) {
      expect(await errnoOf(session.gFmt(type))).toBe(Errno.EINVAL);
      expect(await errnoOf(session.sFmt({ type }))).toBe(Errno.EINVAL);
      expect(await errnoOf(session.reqbufs(type, 1))).toBe(Errno.EINVAL);
      expect(await errnoOf(session.streamon(type))).toBe(Errno.EINVAL);
      expect(await session.enumFmt(type, 0)).toBeUndefined();
    }
  });

  test('commit point 5: OUTPUT is frozen while either queue has buffers, CAPTURE while it has its own', async () => {
    const size = { width: 64, height: 48 };
    await session.reqbufs(CAPTURE, 2);
    expect(await errnoOf(session.sFmt({ type: OUTPUT, ...size }))).toBe(Errno.EBUSY);
    expect(await errnoOf(session.sFmt({ type: CAPTURE }))).toBe(Errno.EBUSY);
    expect(await errnoOf(session.tryFmt({ type: OUTPUT, ...size }))).toBe(0);
    await session.reqbufs(CAPTURE, 0);
    await session.reqbufs(OUTPUT, 2);
    expect(await errnoOf(session.sFmt({ type: OUTPUT, ...size }))).toBe(Errno.EBUSY);
    expect(await errnoOf(session.sFmt({ type: CAPTURE }))).toBe(0);
    await session.reqbufs(OUTPUT, 0);
    expect(await errnoOf(session.sFmt({ type: OUTPUT, ...size }))).toBe(0);
  });

  test('the stream has the last word on both formats, on colours and on the field', async () => {
    await header({
      width: 98,
      height: 50,
      field: 4,
      colorimetry: { colorspace: V4L2_COLORSPACE_BT2020, ycbcrEnc: 6, quantization: 2, xferFunc: 7 },
    });
    expect(await session.gFmt(OUTPUT)).toMatchObject({ width: 98, height: 50 });
    // whole macroblocks
    expect(await session.gFmt(CAPTURE)).toMatchObject({
      width: 112,
      height: 64,
      field: 4,
      colorspace: V4L2_COLORSPACE_BT2020,
      ycbcrEnc: 6,
      quantization: 2,
      xferFunc: 7,
    });
  });
});

describe('buffers', () => {
  test('P18: REQBUFS while the queue streams is EBUSY', async () => {
    await header();
    await client.startCapture();
    for (const type of [OUTPUT, CAPTURE]) expect(await errnoOf(session.reqbufs(type, 0))).toBe(Errno.EBUSY);
  });

  test('REQBUFS of CAPTURE gives at least what the stream needs', async () => {
    await header({ minBuffers: 5 });
    expect((await session.reqbufs(CAPTURE, 1)).count).toBe(5);
  });

  test('CREATE_BUFS adds larger buffers, and they serve', async () => {
    await header({ width: 64, height: 48 });
    const format = await session.gFmt(CAPTURE);
    const large = { ...format, planes: format.planes.map((plane) => ({ ...plane, sizeImage: plane.sizeImage * 4 })) };
    expect(await session.createBufs(large, 2)).toMatchObject({ index: 0, count: 2 });
    expect(await session.createBufs(format, 1)).toMatchObject({ index: 2, count: 1 });
    expect((await session.querybuf(CAPTURE, 0)).planes[0]?.length).toBe((format.planes[0]?.sizeImage ?? 0) * 4);
    expect(await errnoOf(session.removeBufs(CAPTURE, 0, 1))).toBe(0);
  });

  test('bytesused 0 stands for the whole buffer', async () => {
    await client.startOutput({ count: 1 });
    const { coded } = client as { coded: BufferSet };
    coded.plane(0, 0)?.set(toyHeader());
    await coded.queue(0, { bytesused: [0] });
    await guest.rest();
    // The header was found, and the zeros behind it are no unit.
    expect(client.events().map((event) => event.type)).toEqual([V4L2_EVENT_SOURCE_CHANGE]);
  });
});

describe('selections', () => {
  const ALL = [
    V4L2_SEL_TGT_CROP_BOUNDS,
    V4L2_SEL_TGT_CROP_DEFAULT,
    V4L2_SEL_TGT_CROP,
    V4L2_SEL_TGT_COMPOSE_BOUNDS,
    V4L2_SEL_TGT_COMPOSE_DEFAULT,
    V4L2_SEL_TGT_COMPOSE,
    V4L2_SEL_TGT_COMPOSE_PADDED,
  ];
  const visible = { left: 2, top: 4, width: 60, height: 40 };
  const coded = { left: 0, top: 0, width: 64, height: 48 };

  test('before the header every rectangle is the placeholder', async () => {
    await session.sFmt({ type: OUTPUT, width: 64, height: 48 });
    for (const target of ALL) expect(await session.gSelection(V4L2_BUF_TYPE_VIDEO_CAPTURE, target)).toEqual(coded);
  });

  test('after the header they tell the coded picture and its visible part', async () => {
    await header({ width: 64, height: 48, visible });
    for (const type of [V4L2_BUF_TYPE_VIDEO_CAPTURE, CAPTURE]) {
      for (const target of ALL) {
        const whole = target === V4L2_SEL_TGT_CROP_BOUNDS || target === V4L2_SEL_TGT_COMPOSE_PADDED;
        expect(await session.gSelection(type, target)).toEqual(whole ? coded : visible);
      }
    }
  });

  test('OUTPUT and other targets have no rectangles', async () => {
    for (const type of [V4L2_BUF_TYPE_VIDEO_OUTPUT, OUTPUT]) {
      expect(await errnoOf(session.gSelection(type, V4L2_SEL_TGT_CROP))).toBe(Errno.EINVAL);
    }
    expect(await errnoOf(session.gSelection(CAPTURE, V4L2_SEL_TGT_NATIVE_SIZE))).toBe(Errno.EINVAL);
    expect(await errnoOf(session.sSelection(CAPTURE, V4L2_SEL_TGT_CROP_BOUNDS, coded))).toBe(Errno.EINVAL);
  });

  test('S_SELECTION comes down to the visible rectangle, or ERANGE if the flags forbid that', async () => {
    await header({ width: 64, height: 48, visible });
    const target = V4L2_SEL_TGT_COMPOSE;
    expect(await session.sSelection(CAPTURE, target, coded)).toEqual(visible);
    expect(await session.sSelection(CAPTURE, V4L2_SEL_TGT_CROP, { left: -5, top: 0, width: 1, height: 1 })).toEqual(visible);
    expect(await errnoOf(session.sSelection(CAPTURE, target, coded, V4L2_SEL_FLAG_GE))).toBe(Errno.ERANGE);
    expect(await errnoOf(session.sSelection(CAPTURE, target, coded, V4L2_SEL_FLAG_LE))).toBe(0);
    expect(await errnoOf(session.sSelection(CAPTURE, target, { ...coded, width: 1 }, V4L2_SEL_FLAG_LE))).toBe(Errno.ERANGE);
    expect(await errnoOf(session.sSelection(CAPTURE, target, coded, 8))).toBe(Errno.EINVAL);
  });
});

describe('decoder commands', () => {
  test('START and STOP are there, without flags; PAUSE, RESUME, FLUSH and unknown commands are not', async () => {
    for (const call of [session.tryDecoderCmd.bind(session), session.decoderCmd.bind(session)]) {
      for (const cmd of [V4L2_DEC_CMD_STOP, V4L2_DEC_CMD_START]) expect(await call(cmd)).toEqual({ cmd, flags: 0 });
      for (const cmd of [V4L2_DEC_CMD_PAUSE, V4L2_DEC_CMD_RESUME, V4L2_DEC_CMD_FLUSH, 77, 0xffffffff]) {
        expect(await errnoOf(call(cmd))).toBe(Errno.EINVAL);
      }
      for (const flags of [1, 3, 0x80, 0xffffffff]) {
        for (const cmd of [V4L2_DEC_CMD_STOP, V4L2_DEC_CMD_START]) expect(await call(cmd, flags)).toEqual({ cmd, flags: 0 });
      }
    }
  });
});

describe('controls', () => {
  test('MIN_BUFFERS_FOR_CAPTURE is 1 until the stream tells, and read-only', async () => {
    const id = V4L2_CID_MIN_BUFFERS_FOR_CAPTURE;
    expect((await session.queryExtCtrl(id))?.flags).toBe(V4L2_CTRL_FLAG_READ_ONLY);
    expect(await session.gCtrl(id)).toBe(1);
    expect(await errnoOf(session.sCtrl(id, 4))).toBe(Errno.EACCES);
    await session.subscribeEvent(V4L2_EVENT_CTRL, id);
    await header({ minBuffers: 7 });
    expect(await session.gCtrl(id)).toBe(7);
    const events = client.events();
    expect(events.map((event) => event.type)).toEqual([V4L2_EVENT_CTRL, V4L2_EVENT_SOURCE_CHANGE]);
    expect(events[0]?.control?.value).toBe(7);
  });

  test('profiles and levels are menus of what can be decoded, and tell those of the stream', async () => {
    await guest.close();
    await restart({ codecs: ['h264', 'vp9'] });
    const profile = V4L2_CID_MPEG_VIDEO_H264_PROFILE;
    expect(await session.queryExtCtrl(profile)).toMatchObject({ flags: V4L2_CTRL_FLAG_READ_ONLY, minimum: 0, maximum: 4 });
    expect((await session.querymenu(profile, 4))?.name).toBe('High');
    expect(await session.querymenu(profile, 3)).toBeUndefined();
    expect(await session.querymenu(profile, 17)).toBeUndefined();
    expect((await session.querymenu(V4L2_CID_MPEG_VIDEO_VP9_LEVEL, 1))?.name).toBe('Level 1.1');
    expect((await session.queryExtCtrl(V4L2_CID_MPEG_VIDEO_VP9_LEVEL))?.maximum).toBe(13);
    await client.startOutput({ coded: V4L2_PIX_FMT_H264 });
    await client.send(0, toyHeader({ profile: 4, level: 11 }));
    await guest.rest();
    expect([await session.gCtrl(profile), await session.gCtrl(V4L2_CID_MPEG_VIDEO_H264_LEVEL)]).toEqual([4, 11]);
    await client.send(1, toyHeader({ width: 128, profile: 3, level: 12 }));
    await guest.rest();
    expect(await session.gCtrl(profile)).toBe(4);
  });

  test('codecs of the port have their V4L2 pixel formats, and outputs that nobody knows are left out', () => {
    const range = { minWidth: 1, minHeight: 1, maxWidth: 2, maxHeight: 2 };
    const capabilities = [
      { codec: 'toy', ...range, outputs: [1, V4L2_PIX_FMT_NV12, V4L2_PIX_FMT_H264] },
      { codec: 'av1', ...range, outputs: [2] },
    ] as const;
    const codecs = offeredCodecs(capabilities, ({ outputs }) => outputs);
    expect(codecs.map(({ fourcc, rawFormats }) => [fourcc, rawFormats])).toEqual([[TOY_FOURCC, [V4L2_PIX_FMT_NV12]]]);
  });
});

describe('events', () => {
  test('SOURCE_CHANGE and EOS with id 0 can be subscribed to, others not', async () => {
    for (const type of [V4L2_EVENT_SOURCE_CHANGE, V4L2_EVENT_EOS]) {
      expect(await errnoOf(session.subscribeEvent(type))).toBe(0);
      expect(await errnoOf(session.subscribeEvent(type, 1))).toBe(Errno.EINVAL);
    }
    expect(await errnoOf(session.subscribeEvent(V4L2_EVENT_VSYNC))).toBe(Errno.EINVAL);
    expect(await errnoOf(session.subscribeEvent(V4L2_EVENT_CTRL, 1234))).toBe(Errno.EINVAL);
  });
});
