// SPDX-License-Identifier: Apache-2.0
/** Devices that somebody else wrote: right ones that do less than ours, and ones that die in the middle of the suite. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CaptureDevice } from '../device/capture/capture-device.ts';
import { DecoderDevice } from '../device/decoder/decoder-device.ts';
import { CaptureClient } from '../driver/clients/capture-client.ts';
import { StatefulDecoderClient } from '../driver/clients/decoder-client.ts';
import { timestampOf } from '../driver/media/buffers.ts';
import { MediaDriver } from '../driver/media/media-driver.ts';
import { ManualClock } from '../testing/manual-clock.ts';
import { changedDevice, mediaDevice, mediaTransport } from '../testing/media-transport.ts';
import { SolidSource } from '../testing/solid-source.ts';
import { type DeviceChange, tamper, tamperDevice, type WireChange } from '../testing/tampered-device.ts';
import { ToyDecoderFactory } from '../testing/toy-decoder.ts';
import { TOY_FOURCC, toyChunk, toyHeader, toyPicture } from '../testing/toy-stream.ts';
import { InProcessTransport } from '../virtio-device/in-process-transport.ts';
import type { VirtQueue } from '../virtqueue/virt-queue.ts';
import { Errno } from '../wire/errno.gen.ts';
import {
  VIDIOC_ENUM_FMT,
  VIDIOC_G_CTRL,
  VIDIOC_G_EXT_CTRLS,
  VIDIOC_G_PARM,
  VIDIOC_G_SELECTION,
  VIDIOC_QUERY_EXT_CTRL,
  VIDIOC_QUERYBUF,
  VIDIOC_QUERYCTRL,
  VIDIOC_QUERYMENU,
  VIDIOC_REQBUFS,
  VIDIOC_S_CTRL,
  VIDIOC_S_EXT_CTRLS,
  VIDIOC_S_FMT,
  VIDIOC_S_PARM,
  VIDIOC_TRY_EXT_CTRLS,
  VIDIOC_TRY_FMT,
} from '../wire/v4l2/ioctls.gen.ts';
import { v4l2_buffer, v4l2_fmtdesc, v4l2_requestbuffers } from '../wire/v4l2/videodev2.ts';
import { type ConformanceReport, countResults, reportText } from './report.ts';
import { CHECKS, runConformance } from './suite.ts';

const CONTROL_IOCTLS: readonly number[] = [
  VIDIOC_QUERYCTRL,
  VIDIOC_QUERY_EXT_CTRL,
  VIDIOC_QUERYMENU,
  VIDIOC_G_CTRL,
  VIDIOC_S_CTRL,
  VIDIOC_G_EXT_CTRLS,
  VIDIOC_S_EXT_CTRLS,
  VIDIOC_TRY_EXT_CTRLS,
];
const CHUNKS = [toyChunk(toyHeader(), toyPicture(0, 'key')), ...[1, 2, 3, 4, 5, 6].map((i) => toyChunk(toyPicture(i)))];

interface Foreign extends DeviceChange {
  readonly kind?: 'camera' | 'multi' | 'decoder';
  readonly wire?: WireChange;
}

const u32 = (bytes: Uint8Array, at: number): number => new DataView(bytes.buffer, bytes.byteOffset).getUint32(at, true);

function foreign(o: Foreign) {
  const clock = new ManualClock();
  const source = new SolidSource({ clock });
  const wire = o.wire ?? {};
  const transport = new InProcessTransport(
    (guest) => {
      const common = { buffers: guest.arena, access: guest.access, clock };
      const device =
        o.kind === 'decoder'
          ? new DecoderDevice({ ...common, factory: new ToyDecoderFactory({ access: guest.access }) })
          : new CaptureDevice({ ...common, source, planar: o.kind === 'multi' ? 'multi' : 'single' });
      const inner = mediaDevice(tamperDevice(device, o, []), guest);
      return changedDevice(inner, {
        attach: (host) => {
          const [commands, events] = host.queues as [VirtQueue, VirtQueue];
          inner.attach({ ...host, queues: [tamper(commands, 'command', wire), events] });
        },
      });
    },
    { now: () => 0 },
  );
  const options = {
    clock,
    pause: async () => {
      source.tick();
      clock.advance(20_000);
      for (let i = 0; i < 40; i++) await Promise.resolve();
    },
    streams: [{ coded: TOY_FOURCC, chunks: CHUNKS, pictures: 7 }],
  };
  return { transport, options, source };
}

const failures = (report: ConformanceReport): string[] =>
  report.results.filter((r) => r.outcome === 'fail').map((r) => `${r.title}: ${r.detail}`);

const without =
  (...numbers: readonly number[]): NonNullable<DeviceChange['ioctl']> =>
  (call, session) =>
    numbers.includes(call.nr) ? Errno.ENOTTY : session.ioctl(call);

/** ENOMEM for REQBUFS of more buffers than any program asks for. */
const boundedRequest = (nr: number, payload: DataView): number | undefined =>
  nr === VIDIOC_REQBUFS && v4l2_requestbuffers.fields.count.get(payload, 0) > 1000 ? Errno.ENOMEM : undefined;

const rejections: unknown[] = [];
const note = (reason: unknown): void => void rejections.push(reason);
beforeEach(() => void process.on('unhandledRejection', note));
afterEach(async () => {
  await new Promise((resolve) => setImmediate(resolve));
  process.off('unhandledRejection', note);
  expect(rejections.splice(0)).toEqual([]);
});

describe('the conformance suite against devices that do less than ours', () => {
  it.each(['camera', 'decoder'] as const)('a %s without controls fails no check', async (kind) => {
    const { transport, options } = foreign({ kind, ioctl: without(...CONTROL_IOCTLS) });
    expect(failures(await runConformance(transport, options))).toEqual([]);
  });

  it('a device that writes no planes back to QUERYBUF fails no check of it', async () => {
    // 8 bytes of header, the structure, and room for planes that stay as they were.
    const answer = (command: Uint8Array, _: Uint8Array, used: number): number =>
      u32(command, 0) === 3 && u32(command, 12) === VIDIOC_QUERYBUF ? Math.min(used, 8 + v4l2_buffer.size) : used;
    const { transport, options } = foreign({ kind: 'multi', wire: { answer } });
    const checks = CHECKS.filter((check) => check.ids.includes('VM-D3') && check.title.includes('m.planes'));
    expect(checks).toHaveLength(1);
    expect(failures(await runConformance(transport, options, checks))).toEqual([]);
  });

  it.each<[string, Foreign]>([
    // VM-D2 is about ioctls that succeed.
    ['refuses to set any format', { ioctl: without(VIDIOC_S_FMT, VIDIOC_TRY_FMT) }],
    // P19 says that what is sent is bounded, not how, nor that what cannot be read gets a header.
    [
      'has no memory for so many buffers',
      { ioctl: (call, session) => boundedRequest(call.nr, call.payload) ?? session.ioctl(call) },
    ],
    ['returns what it cannot read without a word', { wire: { answer: (command, _, used) => (command.length < 8 ? 0 : used) } }],
  ])('a device that %s fails no check of VM-D2, P16 and P19', async (_what, change) => {
    const { transport, options } = foreign(change);
    const checks = CHECKS.filter(({ ids }) => ids.some((id) => ['VM-D2', 'P16', 'P19'].includes(id)));
    expect(checks.length).toBeGreaterThanOrEqual(5);
    const report = await runConformance(transport, options, checks);
    expect(failures(report)).toEqual([]);
    expect(countResults(report).pass).toBeGreaterThanOrEqual(4);
  });

  it('a decoder is known by its formats, whether they carry the COMPRESSED flag or not', async () => {
    const { transport, options } = foreign({
      kind: 'decoder',
      ioctl: async (call, session) => {
        const status = await session.ioctl(call);
        if (call.nr === VIDIOC_ENUM_FMT) v4l2_fmtdesc.fields.flags.set(call.payload, 0, 0);
        return status;
      },
    });
    const report = await runConformance(transport, options);
    expect(failures(report)).toEqual([]);
    expect(report.results.filter((r) => r.detail.includes('no test stream'))).toEqual([]);
  });
});

describe('the conformance suite against a device that dies', () => {
  it('says so once and stops when the connection ends', async () => {
    let commands = 0;
    const rig = foreign({
      wire: {
        lose: () => {
          commands += 1;
          if (commands > 60) void rig.transport.close();
          return commands > 60;
        },
      },
    });
    const report = await runConformance(rig.transport, rig.options);
    expect(failures(report)).toHaveLength(1);
    expect(report.gone?.notRun).toBe(CHECKS.length - report.results.length);
    expect(report.gone?.notRun).toBeGreaterThan(10);
    expect(reportText(report)).toMatch(/THE DEVICE IS GONE: .* checks were not run\./);
  });

  it('says so once and stops when it answers no command any more', async () => {
    let commands = 0;
    const { transport, options } = foreign({ wire: { lose: () => ++commands > 60 } });
    const report = await runConformance(transport, options);
    expect(countResults(report).fail).toBe(1);
    expect(report.gone?.reason).toBe('it answers no command any more');
    // ten times the patience for one command, of the clock that measures it
    expect(options.clock.now()).toBeLessThan(40_000_000);
  });
});

describe('clients of devices that lack what is optional', () => {
  it.each([
    ['S_PARM', [VIDIOC_S_PARM], 30],
    ['S_PARM and G_PARM', [VIDIOC_S_PARM, VIDIOC_G_PARM], undefined],
  ] as const)('a camera client films without %s', async (_, numbers, rate) => {
    const { transport, source } = foreign({ ioctl: without(...numbers) });
    const client = await CaptureClient.open(await MediaDriver.attach(transport));
    const { interval } = await client.configure({ interval: { numerator: 1, denominator: 30 } });
    expect(interval && interval.denominator / interval.numerator).toBe(rate);
    await client.start();
    const frame = client.next();
    for (let i = 0; i < 50; i++) await Promise.resolve();
    source.tick();
    expect((await frame).sequence).toBe(0);
    await client.close();
  });

  it('a decoder client decodes without MIN_BUFFERS_FOR_CAPTURE and without selections', async () => {
    const { transport } = foreign({ kind: 'decoder', ioctl: without(VIDIOC_G_CTRL, VIDIOC_G_SELECTION) });
    const client = await StatefulDecoderClient.open(await MediaDriver.attach(transport), { coded: TOY_FOURCC });
    let pictures = 0;
    const chunks = CHUNKS.map((bytes, i) => ({ bytes, timestamp: timestampOf(i) }));
    for await (const picture of client.decode(chunks)) {
      const { width, height } = picture.layout;
      expect(picture.visible).toEqual({ left: 0, top: 0, width, height });
      pictures += 1;
    }
    expect(pictures).toBe(7);
    await client.close();
  });
});

describe('a driver with a ring that is too small', () => {
  it('is refused at once where a command could never fit, and works where it fits', async () => {
    const make = (queueSize: number, indirect: boolean) => {
      const clock = new ManualClock();
      const transport = mediaTransport({
        features: { indirect },
        device: ({ arena, access }) => new CaptureDevice({ source: new SolidSource({ clock }), buffers: arena, access, clock }),
      });
      return MediaDriver.attach(transport, { queueSize });
    };
    for (const [size, indirect] of [
      [1, false],
      [2, false],
      [2, true],
      [3, true],
      [0, true],
    ] as const) {
      await expect(make(size, indirect)).rejects.toThrow(`rings of ${size} entries`);
    }
    for (const [size, indirect] of [
      [4, false],
      [4, true],
    ] as const) {
      const driver = await make(size, indirect);
      const session = await driver.open();
      expect((await session.gFmt(1)).width).toBeGreaterThan(0);
      await session.close();
    }
  });
});
