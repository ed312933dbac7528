// SPDX-License-Identifier: Apache-2.0
/**
 * For User-mode Linux with V4L2 devices: `node proxy.ts NODE PLAN` starts a daemon that hands a node through at two sockets, lets two
 * guests do one after another what the stories of the plan say (JSON: of each its name and its words), and tells in JSON what they saw,
 * or what went wrong.
 */
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import {
  type BufferKind,
  BufferSet,
  type ControlValue,
  type DriverSession,
  type DriverTransport,
  fourcc,
  isOutput,
  MediaDriver,
  V4L2_BUF_FLAG_ERROR,
  V4L2_BUF_TYPE_VIDEO_CAPTURE,
  V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE,
  V4L2_BUF_TYPE_VIDEO_OUTPUT,
  V4L2_BUF_TYPE_VIDEO_OUTPUT_MPLANE,
  V4L2_CTRL_FLAG_NEXT_COMPOUND,
  V4L2_CTRL_FLAG_NEXT_CTRL,
  V4L2_EVENT_CTRL,
  V4L2_EVENT_SUB_FL_SEND_INITIAL,
  VIDIOC_ENUM_DV_TIMINGS,
  VIDIOC_G_DV_TIMINGS,
  VIDIOC_S_DV_TIMINGS,
} from '../../../packages/core/src/index.ts';
import { DaemonProcess } from '../../../packages/host/src/daemon/index.ts';
import { connectFrontend } from '../../../packages/host/src/frontend/index.ts';
import { HostNode } from '../../../packages/host/src/v4l2/index.ts';
import { DaemonFiles } from './daemon-files.ts';
import { patiently } from './filming.ts';
import { decode, encode, withHeaders, withoutHeaders } from './m2m.ts';
import { platformDevice } from './platform-device.ts';
import { REFUSED, survey } from './survey.ts';

const [node = '', plan = '[]'] = process.argv.slice(2);

const FWHT = fourcc('FWHT');

const daemon = await DaemonProcess.start([{ kind: 'proxy', name: 'node', device: node, sockets: 2 }], { log: 'info' });

/** A guest, whose programs open the device. */
class Guest implements AsyncDisposable {
  readonly #transport: DriverTransport;
  readonly driver: MediaDriver;

  private constructor(transport: DriverTransport, driver: MediaDriver) {
    this.#transport = transport;
    this.driver = driver;
  }

  static async connect(socket: string): Promise<Guest> {
    const transport = await connectFrontend(socket);
    return new Guest(transport, await MediaDriver.attach(transport));
  }

  open(): Promise<DriverSession> {
    return this.driver.open();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#transport.close();
  }
}

const one = await Guest.connect(daemon.socket('node', 0));
const two = await Guest.connect(daemon.socket('node', 1));

const { deviceCaps } = one.driver.config;
/** the queue of a node that has one */
const TYPE = [
  [0x1, V4L2_BUF_TYPE_VIDEO_CAPTURE],
  [0x1000, V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE],
  [0x2, V4L2_BUF_TYPE_VIDEO_OUTPUT],
  [0x2000, V4L2_BUF_TYPE_VIDEO_OUTPUT_MPLANE],
].find(([cap = 0]) => (deviceCaps & cap) !== 0)?.[1] as number;

interface Streaming {
  readonly session: DriverSession;
  readonly buffers: BufferSet;
}

async function start(session: DriverSession, kind: BufferKind, count = 4): Promise<Streaming> {
  const format = await session.gFmt(TYPE);
  const buffers = await BufferSet.create(session, format, count, kind, isOutput(TYPE) ? 'read-write' : 'read');
  for (let index = 0; index < buffers.count; index++) await buffers.queue(index);
  await session.streamon(TYPE);
  return { session, buffers };
}

/** Goes round with buffers; the bytes of the last one. */
async function film({ session, buffers }: Streaming, count: number): Promise<readonly Uint8Array[]> {
  let last: readonly Uint8Array[] = [];
  for (let i = 0; i < count; i++) {
    const { index, flags, planes } = await session.dqbuf(TYPE);
    if ((flags & V4L2_BUF_FLAG_ERROR) !== 0) throw new RangeError('a frame has the error flag');
    last = buffers.bytes(index).map((bytes, plane) => bytes.slice(planes[plane]?.dataOffset, planes[plane]?.bytesused));
    await buffers.queue(index);
  }
  return last;
}

/** Ends a stream, gives its memory back and closes its file. */
async function stop({ session, buffers }: Streaming): Promise<void> {
  await session.streamoff(TYPE);
  await buffers.release();
  await session.close();
}

/** What v4l2-ctl writes of the bare node. */
function own(words: string): Buffer {
  const { status, stdout, stderr } = spawnSync('v4l2-ctl', ['-d', node, ...words.split(' ')], { maxBuffer: 1 << 28 });
  if (status !== 0) throw new RangeError(`v4l2-ctl ${words}: ${stderr}`);
  return stdout;
}

const said = (what: Promise<unknown>): Promise<string> =>
  what.then(
    () => 'it did',
    (error) => error.message,
  );

const files = new DaemonFiles(daemon.pid);
const openings = (): number => files.openings('/dev/video');

const control = (name: string): string =>
  own(`-C ${name}`)
    .toString()
    .replace(/^[^:]*: /, '')
    .trim();

const md5 = (bytes: readonly Uint8Array[]): string => createHash('md5').update(Buffer.concat(bytes)).digest('hex');

/** What a codec's clip is made of. */
const RAW = { pixelformat: fourcc('YU12'), width: 640, height: 480 };

/** The raw frames of a file. */
async function rawFrames(session: DriverSession, file: string): Promise<readonly Uint8Array[]> {
  const { planes } = await session.sFmt({ type: V4L2_BUF_TYPE_VIDEO_OUTPUT, ...RAW });
  const size = planes[0]?.sizeImage ?? 0;
  const bytes = readFileSync(file);
  return Array.from({ length: Math.floor(bytes.length / size) }, (_, i) => bytes.subarray(i * size, (i + 1) * size));
}

const STORIES: Readonly<Record<string, (...words: readonly string[]) => Promise<unknown>>> = {
  /** What the node says to a program of this machine, and what it says to one of the guest. */
  async survey() {
    const session = await one.open();
    const through = await survey(session);
    await session.close();
    using bare = HostNode.open(node);
    const own = await survey(bare);
    const keys = [...new Set([...Object.keys(own), ...Object.keys(through)])];
    const refused = keys.filter((key) => key.startsWith('refused ')).map((key) => through[key]);
    const differ = keys.filter((key) => !key.startsWith('refused ') && own[key] !== through[key]);
    const payloads = keys.filter((key) => key.startsWith('small ')).length;
    return {
      asked: keys.length,
      payloads,
      refused: [...new Set(refused)],
      expected: REFUSED.length === refused.length,
      differ: differ.map((key) => [key, own[key], through[key]]),
    };
  },

  /** The last of a few frames at the guest's, and one that v4l2-ctl takes of the bare node. */
  async frames(format = '', width = '', height = '', kind = '') {
    const session = await one.open();
    await session.sFmt({ type: TYPE, pixelformat: fourcc(format), width: Number(width), height: Number(height) });
    const streaming = await start(session, kind as BufferKind);
    const ours = md5(await film(streaming, 9));
    await stop(streaming);
    const set = `--set-fmt-video=width=${width},height=${height},pixelformat=${format}`;
    return { ours, own: md5([own(`${set} --stream-mmap --stream-skip=2 --stream-count=1 --stream-to=-`)]) };
  },

  async controls() {
    const session = await one.open();
    const next = V4L2_CTRL_FLAG_NEXT_CTRL | V4L2_CTRL_FLAG_NEXT_COMPOUND;
    const ids = new Map<string, number>();
    for (let id = 0; ; ) {
      const found = await session.queryExtCtrl((id | next) >>> 0);
      if (found === undefined) break;
      id = found.id;
      ids.set(found.name, id);
    }
    const id = (name: string): number => ids.get(name) ?? 0;
    const text = new TextEncoder();
    const some = (string: string, first: number): readonly ControlValue[] => [
      { id: id('Brightness'), value: 77 },
      { id: id('String'), bytes: text.encode(`${string}\0`) },
      { id: id('Integer 64 Bits'), value: 0x1234_5678_9abcn },
      {
        id: id('U16 8x16 Matrix'),
        bytes: new Uint8Array(Uint16Array.from({ length: 128 }, (_, i) => first + i).buffer),
      },
      { id: id('Area'), bytes: new Uint8Array(Uint32Array.of(321, 123).buffer) },
    ];
    // A program of this machine sets and reads them first.
    using bare = HostNode.open(node);
    const wanted = some('own', 0x20);
    const before = await bare.sExtCtrls(wanted);
    const read = await bare.gExtCtrls(wanted.map(({ id, bytes }) => ({ id, size: bytes?.length ?? 0 })));
    const payload = (bytes: Uint8Array | undefined): string => Buffer.from(bytes ?? []).toString('hex');
    const host =
      before.errno === 0 &&
      wanted.every(({ bytes }, i) => bytes === undefined || payload(bytes) === payload(read.controls[i]?.bytes));
    const set = await session.sExtCtrls(some('abc', 0x18));
    const short = some('n', 0x19);
    const refusals = [
      await session.sExtCtrls(short),
      await bare.sExtCtrls(short),
      await session.tryExtCtrls(short),
      await bare.tryExtCtrls(short),
    ];
    const refused = refusals.map(({ errno, errorIdx }) => [errno, errorIdx]);
    const seen = {
      brightness: control('brightness'),
      string: control('string'),
      wide: control('integer_64_bits'),
      matrix: control('u16_8x16_matrix').replace(/\s+/g, ' ').slice(0, 40),
      area: control('area'),
    };
    await session.subscribeEvent(V4L2_EVENT_CTRL, id('Brightness'), V4L2_EVENT_SUB_FL_SEND_INITIAL);
    const first = session.tryNextEvent()?.control?.value;
    const event = session.nextEvent();
    own('-c brightness=33');
    const heard = (await event).control?.value;
    const button = await session.sExtCtrls([{ id: id('Button'), value: 1 }]);
    await session.close();
    return { host, errno: set.errno, refused, seen, first, heard, button: button.errno };
  },

  /** The timings of each place of the list are set in the guest; what the node of this machine has then. */
  async timings(input = '') {
    const session = await one.open();
    await session.sInput(Number(input));
    const seen: { guest: string; own: string }[] = [];
    for (const index of [0, 5, 12]) {
      const entry = new Uint8Array(148);
      new DataView(entry.buffer).setUint32(0, index, true);
      const { errno } = await session.ioctl(VIDIOC_ENUM_DV_TIMINGS, entry);
      if (errno !== 0) throw new RangeError(`VIDIOC_ENUM_DV_TIMINGS ${index}: ${errno}`);
      const timings = entry.slice(16);
      await session.ioctl(VIDIOC_S_DV_TIMINGS, timings);
      const told = new Uint8Array(132);
      await session.ioctl(VIDIOC_G_DV_TIMINGS, told);
      const view = new DataView(told.buffer);
      const stdout = own('--get-dv-timings').toString();
      const bare = [/width: (\d+)/, /height: (\d+)/].map((pattern) => pattern.exec(stdout)?.[1]).join('x');
      seen.push({ guest: `${view.getUint32(4, true)}x${view.getUint32(8, true)}`, own: bare });
    }
    await session.sInput(0);
    await session.close();
    return seen;
  },

  /** Frames are played; whether they went in order. */
  async play(kind = '', count = '') {
    const session = await one.open();
    const streaming = await start(session, kind as BufferKind);
    const sequences: number[] = [];
    for (let i = 0; i < Number(count); i++) {
      const { index, flags, sequence } = await session.dqbuf(TYPE);
      if ((flags & V4L2_BUF_FLAG_ERROR) !== 0) throw new RangeError('a frame has the error flag');
      sequences.push(sequence);
      for (const bytes of streaming.buffers.bytes(index)) bytes.fill(i);
      await streaming.buffers.queue(index);
    }
    await stop(streaming);
    return { rising: sequences.every((each, i) => i === 0 || each > (sequences[i - 1] ?? 0)) };
  },

  /** What the guest makes of a clip, and what v4l2-ctl does; the latter in a file, too. */
  async encode(clip = '', to = '', kind = '') {
    const session = await one.open();
    const made = await encode(session, await rawFrames(session, clip), RAW, FWHT, kind as BufferKind);
    await session.close();
    const size = `width=${RAW.width},height=${RAW.height}`;
    const formats = `--set-fmt-video-out=${size},pixelformat=YU12 --set-fmt-video=${size},pixelformat=FWHT`;
    own(`${formats} --stream-mmap --stream-out-mmap --stream-from=${clip} --stream-to-hdr=${to}`);
    return { frames: made.length, ours: md5([withHeaders(made)]), own: md5([readFileSync(to)]) };
  },

  async decode(coded = '', kind = '') {
    const session = await one.open();
    const made = await decode(session, withoutHeaders(readFileSync(coded)), { ...RAW, pixelformat: FWHT }, kind as BufferKind);
    await session.close();
    const format = `--set-fmt-video-out=width=${RAW.width},height=${RAW.height},pixelformat=FWHT`;
    const bare = own(`${format} --stream-mmap --stream-out-mmap --stream-from-hdr=${coded} --stream-to=-`);
    return { frames: made.length, ours: md5(made), own: md5([bare]) };
  },

  /** Eight sessions of each guest encode at once. */
  async many(clip = '') {
    const sessions = await Promise.all([one, two].flatMap((guest) => Array.from({ length: 8 }, () => guest.open())));
    const sums = await Promise.all(
      sessions.map(async (session, i) => {
        const frames = (await rawFrames(session, clip)).slice(0, 5);
        return md5(await encode(session, frames, RAW, FWHT, i % 2 === 0 ? 'mmap' : 'shared-pages'));
      }),
    );
    const open = openings();
    await Promise.all(sessions.map((session) => session.close()));
    return { sums: [...new Set(sums)].length, open, after: openings() };
  },

  async busy() {
    const first = await one.open();
    const streaming = await start(first, 'mmap');
    await film(streaming, 3);
    const second = await two.open();
    const same = await one.open();
    const refused = [await said(second.reqbufs(TYPE, 4)), await said(same.reqbufs(TYPE, 4)), await said(second.streamon(TYPE))];
    const looks = (await second.gFmt(TYPE)).width > 0;
    await film(streaming, 3);
    await stop(streaming);
    const next = await start(second, 'shared-pages');
    await film(next, 3);
    await stop(next);
    await same.close();
    const quiet = !daemon.log.includes('another program uses it');
    // A program of this machine has it.
    const other = spawn('v4l2-ctl', ['-d', node, '--stream-mmap', '--stream-count=100000'], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    await once(other.stderr, 'data');
    const third = await one.open();
    const held = await said(third.reqbufs(TYPE, 4));
    other.kill('SIGKILL');
    await once(other, 'close');
    await third.reqbufs(TYPE, 4);
    await third.close();
    return { refused, looks, quiet, held, log: daemon.log.includes('another program uses it') };
  },

  async unplug(kind = '') {
    const session = await one.open();
    const idle = await two.open();
    const streaming = await start(session, kind as BufferKind);
    await film(streaming, 5);
    const over = said(film(streaming, 1_000_000));
    await platformDevice('vivid', 'unbind');
    const end = await over;
    const ioctls = [await said(session.gFmt(TYPE)), await said(idle.gFmt(TYPE)), await said(session.streamon(TYPE))];
    const off = await said(session.streamoff(TYPE));
    const released = await said(session.reqbufs(TYPE, 0));
    const reopened = await said(one.open());
    const left = openings();
    await platformDevice('vivid', 'bind');
    const again = await patiently(() => one.open());
    await film(await start(again, 'mmap'), 5);
    await Promise.all([session, idle, again].map((each) => each.close()));
    const told = daemon.log.split('\n').filter((line) => /unplugged|device found/.test(line)).length;
    return { end, ioctls, off, released, reopened, left, told };
  },

  async starts() {
    const kinds: readonly BufferKind[] = ['mmap', 'shared-pages'];
    const cycle = async (i: number): Promise<void> => {
      const streaming = await start(await one.open(), kinds[i % 2] ?? 'mmap');
      await film(streaming, 1);
      await stop(streaming);
    };
    for (let i = 0; i < 50; i++) await cycle(i);
    const before = { fds: files.descriptors, maps: files.mappings };
    for (let i = 0; i < 200; i++) await cycle(i);
    return { before, after: { fds: files.descriptors, maps: files.mappings }, openings: openings() };
  },
};

const told: unknown[] = [];
try {
  for (const [story, ...words] of JSON.parse(plan) as readonly (readonly [string, ...string[]])[]) {
    const from = performance.now();
    try {
      told.push({ told: await STORIES[story]?.(...words), seconds: (performance.now() - from) / 1000 });
    } catch (error) {
      told.push({ error: `${(error as Error).stack}\n${daemon.log}` });
    }
  }
  await one[Symbol.asyncDispose]();
  await two[Symbol.asyncDispose]();
  console.log(JSON.stringify(told));
} finally {
  await daemon[Symbol.asyncDispose]();
}
