// SPDX-License-Identifier: Apache-2.0
/**
 * An encoder made of `device/m2m`: the roles of the queues turned round. Walked through the sequences of dev-encoder as a guest
 * sees them; what it codes is read by the toy bitstream's own parser.
 */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runConformance } from '../../conformance/suite.ts';
import { BufferSet, type BufferState, type DriverSession, MediaDriver } from '../../driver/index.ts';
import {
  errnoOf,
  ManualClock,
  mediaTransport,
  parseToyUnit,
  stampNumber,
  TOY_UNIT,
  toyPlanes,
  toyStamp,
} from '../../testing/index.ts';
import { ToyEncoderDevice } from '../../testing/toy-encoder-device.ts';
import type { InProcessTransport } from '../../virtio-device/index.ts';
import {
  Errno,
  V4L2_BUF_FLAG_ERROR,
  V4L2_BUF_FLAG_KEYFRAME,
  V4L2_BUF_FLAG_LAST,
  V4L2_BUF_FLAG_PFRAME,
  V4L2_BUF_TYPE_VIDEO_CAPTURE,
  V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE,
  V4L2_BUF_TYPE_VIDEO_OUTPUT,
  V4L2_BUF_TYPE_VIDEO_OUTPUT_MPLANE,
  V4L2_DEC_CMD_STOP,
  V4L2_ENC_CMD_PAUSE,
  V4L2_ENC_CMD_START,
  V4L2_ENC_CMD_STOP,
  V4L2_EVENT_EOS,
  V4L2_FMT_FLAG_COMPRESSED,
  V4L2_FMT_FLAG_ENC_CAP_FRAME_INTERVAL,
  V4L2_PIX_FMT_NV12M,
  V4L2_SEL_TGT_CROP,
} from '../../wire/index.ts';

const RAW = V4L2_BUF_TYPE_VIDEO_OUTPUT_MPLANE;
const CODED = V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE;
const TOY = 0x31594f54;

let transport: InProcessTransport;
let device: ToyEncoderDevice;
let session: DriverSession;
let raw: BufferSet;
let coded: BufferSet;

function makeTransport(): InProcessTransport {
  return mediaTransport({
    device: ({ arena, access }) => {
      device = new ToyEncoderDevice({ buffers: arena, clock: new ManualClock() }, access);
      return device;
    },
  });
}

beforeEach(async () => {
  transport = makeTransport();
  session = await (await MediaDriver.attach(transport)).open();
  await session.subscribeEvent(V4L2_EVENT_EOS);
});

afterEach(async () => {
  await session.close();
  expect(transport.bugs).toEqual([]);
  expect([device.sessions, device.live]).toEqual([0, 0]);
  await transport.close();
});

async function rest(): Promise<void> {
  for (let i = 0; i < 400; i++) await Promise.resolve();
}

/** REQBUFS of both queues and STREAMON of both; every coded buffer is queued. */
async function start(count = 4): Promise<void> {
  raw = await BufferSet.create(session, await session.gFmt(RAW), 4, 'mmap', 'read-write');
  coded = await BufferSet.create(session, await session.gFmt(CODED), count, 'mmap', 'read');
  for (let index = 0; index < coded.count; index++) await coded.queue(index);
  await session.streamon(CODED);
  await session.streamon(RAW);
}

/** Queues the picture of a number in the buffer of an index. */
async function send(index: number, number: number): Promise<void> {
  const sizes = (await session.gFmt(RAW)).planes.map(({ sizeImage }) => sizeImage);
  for (const [i, bytes] of toyPlanes({ sizes }, number).entries()) raw.plane(index, i)?.set(bytes);
  await raw.queue(index, { bytesused: sizes, timestamp: toyStamp(number) });
}

const FLAG_NAMES = [
  [V4L2_BUF_FLAG_KEYFRAME, 'key'],
  [V4L2_BUF_FLAG_PFRAME, 'p'],
  [V4L2_BUF_FLAG_LAST, 'last'],
  [V4L2_BUF_FLAG_ERROR, 'error'],
] as const;

/** What a coded buffer holds: its units, its timestamp's number, and the flags that tell of it. */
function described({ index, planes, timestamp, flags }: BufferState): string {
  const bytes = coded.plane(index, 0)?.subarray(0, planes[0]?.bytesused) ?? new Uint8Array(0);
  const units: string[] = [];
  for (let at = 0; at < bytes.length; at += TOY_UNIT) {
    const unit = parseToyUnit(bytes, at);
    if (typeof unit === 'string') units.push(unit);
    else units.push(unit.kind === 'picture' ? String(unit.number) : unit.kind);
  }
  const names = FLAG_NAMES.flatMap(([bit, name]) => ((flags & bit) !== 0 ? [name] : []));
  return [...units, `@${stampNumber(timestamp)}`, ...names].join(' ');
}

/** Takes each coded buffer that is there when all has run, up to LAST, and then queues all of them again. */
async function results(): Promise<string[]> {
  await rest();
  const all: BufferState[] = [];
  while (session.queue(CODED).done > 0) {
    const buffer = session.tryDqbuf(CODED);
    if (buffer !== undefined) all.push(buffer);
    if (buffer === undefined || (buffer.flags & V4L2_BUF_FLAG_LAST) !== 0) break;
  }
  const told = all.map(described);
  for (const { index } of all) await coded.queue(index);
  return told;
}

/** Indices of the pictures that came back. */
async function returned(): Promise<number[]> {
  await rest();
  const all: number[] = [];
  while (session.queue(RAW).done > 0) all.push(session.tryDqbuf(RAW)?.index ?? -1);
  return all;
}

const events = (): number[] => {
  const all: number[] = [];
  for (let event = session.tryNextEvent(); event !== undefined; event = session.tryNextEvent()) all.push(event.type);
  return all;
};

describe('the formats of an encoder', () => {
  it('have the codecs on CAPTURE and the pictures on OUTPUT', async () => {
    expect(await session.enumFmt(CODED, 0)).toMatchObject({
      pixelformat: TOY,
      flags: V4L2_FMT_FLAG_COMPRESSED | V4L2_FMT_FLAG_ENC_CAP_FRAME_INTERVAL,
    });
    expect(await session.enumFmt(CODED, 1)).toBeUndefined();
    expect((await session.enumFmt(RAW, 0))?.pixelformat).toBe(V4L2_PIX_FMT_NV12M);
    expect(await session.enumFramesizes(TOY, 0)).toEqual(await session.enumFramesizes(V4L2_PIX_FMT_NV12M, 0));
    const set = await session.sFmt({ type: RAW, pixelformat: V4L2_PIX_FMT_NV12M, width: 100, height: 70, planes: [] });
    expect(set).toMatchObject({ width: 96, height: 64 });
    expect(await session.gFmt(CODED)).toMatchObject({ pixelformat: TOY, width: 96, height: 64 });
  });

  it('have their rectangle on OUTPUT alone', async () => {
    const crop = { type: V4L2_BUF_TYPE_VIDEO_OUTPUT, target: V4L2_SEL_TGT_CROP };
    expect(await session.gSelection(crop.type, crop.target)).toEqual({ left: 0, top: 0, width: 64, height: 48 });
    expect(await errnoOf(session.gSelection(V4L2_BUF_TYPE_VIDEO_CAPTURE, V4L2_SEL_TGT_CROP))).toBe(Errno.EINVAL);
  });

  it('are frozen, the coded one while either queue has buffers, the raw one while it has', async () => {
    const [ofCoded, ofRaw] = [await session.gFmt(CODED), await session.gFmt(RAW)];
    raw = await BufferSet.create(session, ofRaw, 1, 'mmap', 'read-write');
    expect(await errnoOf(session.sFmt(ofCoded))).toBe(Errno.EBUSY);
    expect(await errnoOf(session.sFmt(ofRaw))).toBe(Errno.EBUSY);
    await raw.release();
    coded = await BufferSet.create(session, ofCoded, 1, 'mmap', 'read');
    expect(await errnoOf(session.sFmt(ofCoded))).toBe(Errno.EBUSY);
    expect(await errnoOf(session.sFmt(ofRaw))).toBe(0);
  });
});

describe('a stream that is encoded', () => {
  it('begins with headers, and carries timestamps and types over', async () => {
    await start();
    for (const number of [0, 1, 2]) await send(number, 10 + number);
    expect(await results()).toEqual(['header 10 @10 key', '11 @11 p', '12 @12 p']);
    expect(await returned()).toEqual([0, 1, 2]);
  });

  it('waits for both queues', async () => {
    raw = await BufferSet.create(session, await session.gFmt(RAW), 2, 'mmap', 'read-write');
    await send(0, 7);
    await session.streamon(RAW);
    expect(await returned()).toEqual([]);
    coded = await BufferSet.create(session, await session.gFmt(CODED), 2, 'mmap', 'read');
    await coded.queue(0);
    await session.streamon(CODED);
    expect(await results()).toEqual(['header 7 @7 key']);
    expect(await returned()).toEqual([0]);
  });

  it('is drained: what was queued comes, then LAST and EOS; START goes on with what came since, without headers', async () => {
    await start();
    await send(0, 1);
    await send(1, 2);
    await session.encoderCmd(V4L2_ENC_CMD_STOP);
    await send(2, 3);
    expect(await results()).toEqual(['header 1 @1 key', '2 @2 p', '@-1 last']);
    expect(events()).toEqual([V4L2_EVENT_EOS]);
    expect(await returned()).toEqual([0, 1]);
    await session.encoderCmd(V4L2_ENC_CMD_START);
    expect(await results()).toEqual(['3 @3 p']);
  });

  it('refuses commands in a drain with EBUSY, and takes STOP without effect where a queue is off', async () => {
    await session.encoderCmd(V4L2_ENC_CMD_STOP);
    await start(1);
    await send(0, 1);
    await send(1, 2);
    await session.encoderCmd(V4L2_ENC_CMD_STOP);
    await rest();
    // one coded buffer: the second picture waits for it, and so does the end of the drain
    expect(await errnoOf(session.encoderCmd(V4L2_ENC_CMD_STOP))).toBe(Errno.EBUSY);
    expect(await errnoOf(session.encoderCmd(V4L2_ENC_CMD_START))).toBe(Errno.EBUSY);
    expect(events()).toEqual([]);
    expect(await results()).toEqual(['header 1 @1 key']);
    expect(await results()).toEqual(['2 @2 p']);
    expect(await results()).toEqual(['@-1 last']);
    expect(await errnoOf(session.encoderCmd(V4L2_ENC_CMD_STOP))).toBe(0);
    expect(await errnoOf(session.tryEncoderCmd(V4L2_ENC_CMD_PAUSE))).toBe(Errno.EINVAL);
    expect(await errnoOf(session.decoderCmd(V4L2_DEC_CMD_STOP))).toBe(Errno.ENOTTY);
    expect(await session.tryEncoderCmd(V4L2_ENC_CMD_STOP, 1)).toEqual({ cmd: V4L2_ENC_CMD_STOP, flags: 0 });
  });

  it('tells EOS where no buffer can carry LAST, and marks the next one', async () => {
    await start(1);
    await send(0, 1);
    await rest();
    const first = session.tryDqbuf(CODED);
    expect(first?.index).toBe(0);
    await session.encoderCmd(V4L2_ENC_CMD_STOP);
    await rest();
    expect(events()).toEqual([V4L2_EVENT_EOS]);
    await coded.queue(0);
    expect(await results()).toEqual(['@-1 last']);
    expect(events()).toEqual([]);
  });

  it('begins anew after CAPTURE was stopped, with the pictures that had not come back', async () => {
    await start(1);
    for (const index of [0, 1, 2]) await send(index, index);
    await rest();
    await session.streamoff(CODED);
    expect(await returned()).toEqual([0]);
    await coded.queue(0);
    await session.streamon(CODED);
    expect(await results()).toEqual(['header 1 @1 key']);
    expect(await results()).toEqual(['2 @2 p']);
  });

  it('goes on after OUTPUT was stopped, which drops pictures and ends a drain', async () => {
    await start(1);
    await send(0, 1);
    await send(1, 2);
    await rest();
    await session.encoderCmd(V4L2_ENC_CMD_STOP);
    await session.streamoff(RAW);
    await session.streamon(RAW);
    await send(0, 9);
    expect(await results()).toEqual(['header 1 @1 key']);
    expect(await results()).toEqual(['9 @9 p']);
    expect(events()).toEqual([]);
  });

  it('gives every buffer back with its error set when its encoder dies, and begins anew after STREAMOFF of both queues', async () => {
    await start(1);
    // one coded buffer: the second picture waits in the encoder
    for (const index of [0, 1]) await send(index, index);
    await rest();
    device.kill();
    await rest();
    const flags = [session.tryDqbuf(RAW), session.tryDqbuf(RAW)].map((buffer) => (buffer?.flags ?? 0) & V4L2_BUF_FLAG_ERROR);
    expect(flags).toEqual([0, V4L2_BUF_FLAG_ERROR]);
    expect(await errnoOf(session.encoderCmd(V4L2_ENC_CMD_STOP))).toBe(Errno.EIO);
    expect(await errnoOf(session.encoderCmd(V4L2_ENC_CMD_START))).toBe(Errno.EIO);
    await session.streamoff(CODED);
    await session.streamoff(RAW);
    await coded.queue(0);
    await session.streamon(CODED);
    await session.streamon(RAW);
    await send(0, 5);
    expect(await results()).toEqual(['header 5 @5 key']);
  });

  it('gives every buffer back when its session closes in the middle', async () => {
    await start(1);
    for (const index of [0, 1, 2]) await send(index, index);
    await session.close();
    expect(device.sessions).toBe(0);
  });
});

it('an encoder fails no check of the suite', async () => {
  const other = makeTransport();
  const clock = new ManualClock();
  const report = await runConformance(other, {
    clock,
    pageSize: 65536,
    pause: async () => {
      clock.advance(10_000);
      for (let i = 0; i < 40; i++) await Promise.resolve();
    },
  });
  expect(report.results.filter(({ outcome }) => outcome === 'fail')).toEqual([]);
  expect(report.results.filter(({ outcome }) => outcome === 'pass').length).toBeGreaterThan(20);
  await other.close();
});
