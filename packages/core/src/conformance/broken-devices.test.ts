// SPDX-License-Identifier: Apache-2.0
/** Each check can fail: devices that are wrong on purpose, one rule at a time, and the id that must notice. */
import { describe, expect, it } from 'vitest';
import { CaptureDevice } from '../device/capture/capture-device.ts';
import { DecoderDevice } from '../device/decoder/decoder-device.ts';
import type { MediaDevice, SessionEvents } from '../device/framework/media-device.ts';
import { HeapAccess } from '../memory/heap/heap-access.ts';
import type { HeapWindow } from '../memory/heap/heap-window.ts';
import { ManualClock } from '../testing/manual-clock.ts';
import { changedDevice } from '../testing/media-transport.ts';
import { SolidSource } from '../testing/solid-source.ts';
import { type DeviceChange, tamper, tamperDevice, type WireChange } from '../testing/tampered-device.ts';
import { ToyDecoderFactory } from '../testing/toy-decoder.ts';
import { TOY_FOURCC, toyChunk, toyHeader, toyPicture } from '../testing/toy-stream.ts';
import { type InProcessGuest, InProcessTransport } from '../virtio-device/in-process-transport.ts';
import { VirtioMediaDevice } from '../virtio-media/index.ts';
import type { VirtQueue } from '../virtqueue/virt-queue.ts';
import { Errno } from '../wire/errno.gen.ts';
import {
  VIDIOC_EXPBUF,
  VIDIOC_G_CTRL,
  VIDIOC_G_EXT_CTRLS,
  VIDIOC_G_FMT,
  VIDIOC_QBUF,
  VIDIOC_QUERYBUF,
  VIDIOC_QUERYCAP,
  VIDIOC_REQBUFS,
  VIDIOC_S_CTRL,
  VIDIOC_STREAMOFF,
} from '../wire/v4l2/ioctls.gen.ts';
import { v4l2_buffer, v4l2_event } from '../wire/v4l2/videodev2.ts';
import { V4L2_EVENT_CTRL } from '../wire/v4l2/videodev2-constants.gen.ts';
import { DEVICE_MUST_IDS } from './must-ids.ts';
import { idResults } from './report.ts';
import { CHECKS, runConformance } from './suite.ts';

interface Broken extends DeviceChange {
  readonly ids: readonly string[];
  readonly what: string;
  readonly kind?: 'camera' | 'multi' | 'decoder';
  readonly wire?: WireChange;
  readonly window?: (window: HeapWindow) => void;
  /** the device copies whether its rings run or not */
  readonly restless?: true;
}

const u32 = (bytes: Uint8Array, at: number): number => new DataView(bytes.buffer, bytes.byteOffset).getUint32(at, true);
const set32 = (bytes: Uint8Array, at: number, value: number): void =>
  new DataView(bytes.buffer, bytes.byteOffset).setUint32(at, value, true);
const isIoctl = (command: Uint8Array, nr: number): boolean =>
  command.length >= 16 && u32(command, 0) === 3 && u32(command, 12) === nr;

async function outcome(broken: Omit<Broken, 'ids' | 'what'>, id: string): Promise<string> {
  const clock = new ManualClock();
  const source = new SolidSource({ clock });
  const sessions: SessionEvents[] = [];
  const wire = broken.wire ?? {};
  const deaf = { now: false };
  const make = (parts: InProcessGuest) => {
    const access = broken.restless ? new HeapAccess(parts.arena, parts.memory) : parts.access;
    const common = { buffers: parts.arena, access, clock };
    const device: MediaDevice =
      broken.kind === 'decoder'
        ? new DecoderDevice({
            ...common,
            factory: new ToyDecoderFactory(broken.restless ? { access, turn: slowly } : { access }),
          })
        : new CaptureDevice({ ...common, source, planar: broken.kind === 'multi' ? 'multi' : 'single' });
    broken.window?.(parts.window);
    const inner = new VirtioMediaDevice({
      device: tamperDevice(device, broken, sessions),
      memory: parts.memory,
      window: parts.window,
    });
    return changedDevice(inner, {
      attach: (host) => {
        const [commands, events] = host.queues as [VirtQueue, VirtQueue];
        inner.attach({ ...host, queues: [tamper(commands, 'command', wire), tamper(events, 'event', wire)] });
      },
      config: () => wire.config?.(inner.config()) ?? inner.config(),
      kick: (queue: number) => {
        if (queue === 0 && deaf.now) {
          deaf.now = false;
          return false;
        }
        return inner.kick(queue);
      },
    });
  };
  const transport = new InProcessTransport(make, { now: () => 0 });
  if (wire.deafAtStart) {
    const start = transport.startQueue.bind(transport);
    transport.startQueue = async (index, layout) => {
      deaf.now = index === 0;
      await start(index, layout);
    };
  }
  const chunks = [toyChunk(toyHeader(), toyPicture(0, 'key')), ...[1, 2, 3, 4, 5, 6].map((i) => toyChunk(toyPicture(i)))];
  const report = await runConformance(
    transport,
    {
      clock,
      pause: async () => {
        source.tick();
        clock.advance(20_000);
        for (let i = 0; i < 40; i++) await Promise.resolve();
      },
      streams: [{ coded: TOY_FOURCC, chunks, pictures: 7 }],
      provokeError: () => sessions.at(-1)?.error(Errno.EIO),
    },
    // What is asked of the whole run (P11) needs a run.
    id === 'P11' ? CHECKS : CHECKS.filter((check) => check.ids.includes(id)),
  );
  if (id === 'DEC') return report.results.some((r) => r.outcome === 'fail') ? 'fail' : 'pass';
  return idResults(report).find((entry) => entry.id === id)?.outcome ?? 'untested';
}

/** A step of a decoder that is still at work when the first picture has come. */
const slowly = async (): Promise<void> => {
  for (let i = 0; i < 100; i++) await Promise.resolve();
};

const later = (run: () => void): void => {
  let turns = Promise.resolve();
  for (let i = 0; i < 30; i++) turns = turns.then(() => {});
  void turns.then(run);
};

/** A used length, after something was done. */
const after = (_done: unknown, used: number): number => used;

const isCommand = (command: Uint8Array, cmd: number): boolean => command.length >= 4 && u32(command, 0) === cmd;
const counter = (): (() => number) => {
  let n = 0;
  return () => n++;
};

function controlEvent(): DataView {
  const view = new DataView(new ArrayBuffer(v4l2_event.size));
  v4l2_event.fields.type.set(view, 0, V4L2_EVENT_CTRL);
  return view;
}

const BROKEN: readonly Broken[] = [
  {
    ids: ['VM-D1'],
    what: 'gives every session the same id',
    wire: { answer: (c, a, used) => after(isCommand(c, 1) && set32(a, 8, 5), used) },
  },
  {
    ids: ['VM-D2', 'VM-DX2'],
    what: 'answers a successful G_FMT with the header alone',
    wire: { answer: (c, _a, used) => (isIoctl(c, VIDIOC_G_FMT) ? Math.min(used, 8) : used) },
  },
  {
    ids: ['VM-D3'],
    what: 'zeroes the pointer `controls`',
    wire: { answer: (c, a, used) => after(isIoctl(c, VIDIOC_G_EXT_CTRLS) && a.fill(0, 32, 40), used) },
  },
  {
    ids: ['VM-D3'],
    what: 'zeroes the pointer `m.planes`',
    kind: 'multi',
    wire: { answer: (c, a, used) => after(isIoctl(c, VIDIOC_QUERYBUF) && a.fill(0, 72, 80), used) },
  },
  {
    ids: ['VM-D4', 'VM-DX3', 'VM-DX4'],
    what: 'answers what it does not know with EINVAL',
    wire: { answer: (_c, a, used) => after(used >= 8 && u32(a, 0) === Errno.ENOTTY && set32(a, 0, Errno.EINVAL), used) },
  },
  {
    ids: ['VM-D5'],
    what: 'rounds len of MMAP up',
    wire: { answer: (c, a, used) => after(isCommand(c, 4) && used === 24 && set32(a, 16, u32(a, 16) + 4096), used) },
  },
  {
    ids: ['VM-D6'],
    what: 'takes mappings away when their buffers are freed',
    window: (window) => {
      const map = window.map.bind(window);
      const freed = window.freed.bind(window);
      const addresses: number[] = [];
      window.map = (block, writable) => {
        const at = map(block, writable);
        if (at !== undefined) addresses.push(at);
        return at;
      };
      window.freed = (block) => {
        freed(block);
        for (const at of addresses) window.unmap(at);
      };
    },
  },
  {
    ids: ['VM-D7'],
    what: 'zeroes m.userptr in the answer to QBUF',
    wire: { answer: (c, a, used) => after(isIoctl(c, VIDIOC_QBUF) && used > 80 && a.fill(0, 72, 80), used) },
  },
  {
    ids: ['VM-D8', 'VM-DX16'],
    what: 'changes fd in the answer to EXPBUF, and calls it EINVAL',
    wire: {
      answer: (c, a, used) => {
        if (!isIoctl(c, VIDIOC_EXPBUF)) return used;
        set32(a, 0, Errno.EINVAL);
        return a.length;
      },
    },
  },
  {
    ids: ['VM-D9', 'VM-DX8'],
    what: 'goes on with a session after EVT_ERROR',
    wire: { answer: (c, a, used) => (isIoctl(c, VIDIOC_G_FMT) && u32(a, 0) === Errno.EIO ? after(a.fill(0), 216) : used) },
  },
  {
    ids: ['VM-DX1'],
    what: 'answers with negative errnos',
    wire: { answer: (_c, a, used) => after(used === 8 && set32(a, 0, -u32(a, 0)), used) },
  },
  {
    ids: ['VM-DX2', 'P5'],
    what: 'gives the room as the used length of errors',
    wire: { answer: (_c, a, used) => (used === 8 && u32(a, 0) !== 0 ? a.length : used) },
  },
  {
    ids: ['VM-DX3'],
    what: 'answers QUERYCAP',
    wire: { answer: (c, a, used) => (isIoctl(c, VIDIOC_QUERYCAP) ? after(a.fill(0), a.length) : used) },
  },
  {
    ids: ['VM-DX4'],
    what: 'takes the low byte of the code',
    wire: { command: (c) => isCommand(c, 3) && c.length >= 16 && c.fill(0, 13, 16) },
  },
  {
    ids: ['VM-DX5'],
    what: 'wants a payload with R ioctls',
    wire: { answer: (c, a, used) => (isIoctl(c, 38) && c.length === 16 ? after(set32(a, 0, Errno.EINVAL), 8) : used) },
  },
  {
    ids: ['VM-DX6'],
    what: 'writes scatter lists back',
    wire: { answer: (c, a, used) => (isIoctl(c, VIDIOC_QBUF) && used > 8 ? a.length : used) },
  },
  {
    ids: ['VM-DX7'],
    what: 'takes scatter lists that are too short',
    wire: { answer: (c, a, used) => (isIoctl(c, VIDIOC_QBUF) && used === 8 && a.length >= 96 ? after(a.fill(0), 96) : used) },
  },
  {
    ids: ['VM-DX9', 'P7'],
    what: 'answers CLOSE with a header',
    wire: { answer: (c, a, used) => (isCommand(c, 2) ? Math.min(8, a.length) : used) },
  },
  {
    ids: ['VM-DX10', 'P8'],
    what: 'sends every EVT_DQBUF twice',
    events: (events) => ({
      dequeue: (buffer, planes) => {
        events.dequeue(buffer, planes);
        events.dequeue(buffer, planes);
      },
    }),
  },
  {
    ids: ['VM-DX10', 'P8'],
    what: 'sends every EVT_DQBUF twice, as a decoder',
    kind: 'decoder',
    events: (events) => ({
      dequeue: (buffer, planes) => {
        events.dequeue(buffer, planes);
        events.dequeue(buffer, planes);
      },
    }),
  },
  {
    ids: ['VM-DX11'],
    what: 'sends control events to everybody',
    ioctl: (call, session, events) => {
      if (call.nr === VIDIOC_S_CTRL) for (const other of others(events)) other.event(controlEvent());
      return session.ioctl(call);
    },
    events: (events) => {
      everybody.push(events);
      return {};
    },
  },
  {
    ids: ['VM-DX12', 'P8'],
    what: 'sends single-planar EVT_DQBUFs without the plane array',
    wire: { event: (e, used) => (u32(e, 0) === 1 ? 96 : used) },
  },
  {
    ids: ['VM-DX13'],
    what: 'makes every mapping writable',
    window: (window) => {
      const map = window.map.bind(window);
      window.map = (block) => map(block, true);
    },
  },
  { ids: ['STOP'], what: 'fills buffers while its rings are stopped', restless: true },
  { ids: ['STOP'], what: 'decodes into buffers while its rings are stopped', kind: 'decoder', restless: true },
  { ids: ['VM-DX14'], what: 'has a short configuration space', wire: { config: (c) => c.subarray(0, 36) } },
  {
    ids: ['VM-DX14'],
    what: 'has rubbish behind the card name',
    wire: { config: (c) => c.map((b, i) => (i === 39 ? 0x41 : b)) },
  },
  {
    ids: ['VM-DX15'],
    what: 'answers commands of unknown sessions',
    wire: { answer: (c, a, used) => (isCommand(c, 3) && u32(c, 8) === 0x7ead_beef ? after(a.fill(0), a.length) : used) },
  },
  {
    ids: ['VM-DX17', 'P6'],
    what: 'answers errors of the ext-controls ioctls with the header alone',
    wire: { answer: (c, a, used) => (isIoctl(c, VIDIOC_G_EXT_CTRLS) && u32(a, 0) !== 0 ? 8 : used) },
  },
  {
    ids: ['P1'],
    what: 'forgets a command now and then',
    wire: (() => {
      const count = counter();
      return { lose: (c: Uint8Array) => isIoctl(c, VIDIOC_G_FMT) && count() === 700 };
    })(),
  },
  { ids: ['P2'], what: 'writes before it reads', wire: { writesFirst: true } },
  {
    ids: ['P3', 'P4'],
    what: 'answers the same command differently from time to time',
    wire: (() => {
      const count = counter();
      return {
        answer: (c: Uint8Array, a: Uint8Array, used: number) => {
          if (isIoctl(c, VIDIOC_G_FMT) && used === 216 && count() % 2 === 1) a[100] = 0x77;
          return used;
        },
      };
    })(),
  },
  {
    ids: ['P4'],
    what: 'checks reserved fields',
    wire: {
      answer: (c, a, used) => (c.length >= 8 && u32(c, 4) !== 0 && used >= 8 ? after(set32(a, 0, Errno.EINVAL), 8) : used),
    },
  },
  {
    ids: ['P8', 'VM-DX10'],
    what: 'sends an EVT_DQBUF after the answer to STREAMOFF',
    ioctl: (call, session, events) => {
      if (call.nr === VIDIOC_STREAMOFF) {
        const buffer = new DataView(new ArrayBuffer(v4l2_buffer.size));
        v4l2_buffer.fields.type.set(buffer, 0, call.payload.getUint32(0, true));
        later(() => events.dequeue(buffer, undefined));
      }
      return session.ioctl(call);
    },
  },
  {
    ids: ['P9'],
    what: 'loses one event of two',
    events: (events) => {
      const count = counter();
      return { dequeue: (buffer, planes) => void (count() % 2 === 0 && events.dequeue(buffer, planes)) };
    },
  },
  {
    ids: ['P9'],
    what: 'loses one event of ten, as a decoder',
    kind: 'decoder',
    events: (events) => {
      const count = counter();
      return { dequeue: (buffer, planes) => void (count() % 10 !== 9 && events.dequeue(buffer, planes)) };
    },
  },
  {
    ids: ['P10'],
    what: 'sends initial events after the answer',
    events: (events) => ({
      event: (event) => {
        const copy = new DataView(event.buffer.slice(event.byteOffset, event.byteOffset + event.byteLength) as ArrayBuffer);
        later(() => events.event(copy));
      },
    }),
  },
  {
    ids: ['P11'],
    what: 'breaks sessions with EVT_ERROR',
    ioctl: (call, session, events) => {
      if (call.nr === VIDIOC_S_CTRL) events.error(Errno.EIO);
      return session.ioctl(call);
    },
  },
  {
    ids: ['P12'],
    what: 'has mem_offsets that are no multiples of a page',
    ioctl: (call, session) => {
      const result = session.ioctl(call);
      if (call.nr === VIDIOC_QUERYBUF) {
        const offset = v4l2_buffer.fields.m.fields.offset;
        offset.set(call.payload, 0, offset.get(call.payload, 0) + 512);
      }
      return result;
    },
  },
  {
    ids: ['P13'],
    what: 'maps offsets that no plane has',
    wire: { answer: (c, a, used) => (isCommand(c, 4) && used === 8 ? after(a.fill(0), 24) : used) },
  },
  {
    ids: ['P14'],
    what: 'takes every MUNMAP',
    wire: { answer: (c, a, used) => after(isCommand(c, 5) && set32(a, 0, 0), used) },
  },
  { ids: ['P15'], what: 'has no capabilities', wire: { config: (c) => c.map((b, i) => (i < 4 ? 0 : b)) } },
  { ids: ['P16'], what: 'does not look at a ring that starts', wire: { deafAtStart: true } },
  {
    ids: ['P17'],
    what: 'tells another value with G_CTRL',
    ioctl: (call, session) => {
      const result = session.ioctl(call);
      if (call.nr === VIDIOC_G_CTRL) call.payload.setInt32(4, call.payload.getInt32(4, true) ^ 1, true);
      return result;
    },
  },
  {
    ids: ['P18'],
    what: 'lets REQBUFS through while the queue streams',
    wire: {
      answer: (c, a, used) => (isIoctl(c, VIDIOC_REQBUFS) && u32(a, 0) === Errno.EBUSY ? after(set32(a, 0, 0), a.length) : used),
    },
  },
  {
    ids: ['P19'],
    what: 'takes commands that are cut short',
    wire: { answer: (c, a, used) => (c.length < 16 && used === 8 ? after(a.fill(0, 0, 8), 8) : used) },
  },
  {
    ids: ['DEC', 'VM-DX10'],
    what: 'gives pictures a timestamp of its own',
    kind: 'decoder',
    events: (events) => ({
      dequeue: (buffer, planes) => {
        if (v4l2_buffer.fields.type.get(buffer, 0) === 9) buffer.setUint32(v4l2_buffer.fields.timestamp.offset, 0, true);
        events.dequeue(buffer, planes);
      },
    }),
  },
];

const everybody: SessionEvents[] = [];
const others = (mine: SessionEvents): SessionEvents[] => everybody.filter((events) => events !== mine);

describe('every check can fail', () => {
  for (const broken of BROKEN) {
    for (const id of broken.ids) {
      it(`${id} notices a device that ${broken.what}`, async () => {
        everybody.length = 0;
        expect(await outcome(broken, id)).toBe('fail');
      });
    }
  }

  it('every check passes with the same device unbroken', async () => {
    for (const id of new Set(BROKEN.flatMap((broken) => broken.ids))) {
      expect([id, await outcome({ kind: id === 'DEC' ? 'decoder' : 'camera' }, id)]).toEqual([id, 'pass']);
    }
  });

  it('no MUST id is without a broken device', () => {
    const covered = new Set(BROKEN.flatMap((broken) => broken.ids));
    expect(DEVICE_MUST_IDS.filter((id) => !covered.has(id))).toEqual([]);
  });
});
