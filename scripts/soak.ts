// SPDX-License-Identifier: Apache-2.0
/**
 * What a daemon leaves behind: counts its descriptors, memfds, children and resident memory before and after thousands of
 * sessions and hundreds of connections, then kills a codec process in mid-stream and looks at what the others notice.
 *
 *   npm run soak [-- --sessions 10000 --connections 200]
 */
import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { parseArgs, promisify } from 'node:util';
import {
  CaptureClient,
  IoctlError,
  type MediaDriver,
  StatefulDecoderClient,
  timestampOf,
  V4L2_BUF_FLAG_ERROR,
  V4L2_PIX_FMT_NV12,
  V4L2_PIX_FMT_YUV420,
  VIRTIO_MEDIA_EVT_DQBUF,
  virtio_media_event_dqbuf,
} from '@paravideo/core';
import { type CodedClip, makeClip, readClip } from '../packages/host/src/cli/bench/decode-speed.ts';
import { descendants } from '../packages/host/src/cli/bench/process-memory.ts';
import { withGuest } from '../packages/host/src/cli/demo/index.ts';
import { pictureMd5, toI420 } from '../packages/host/src/cli/demo/picture.ts';
import { DaemonProcess } from '../packages/host/src/daemon/index.ts';
import { compareHoldings, type Holdings, holdings } from './soak/holdings.ts';

const { values } = parseArgs({
  options: {
    sessions: { type: 'string', default: '10000' },
    connections: { type: 'string', default: '200' },
    /** only films the camera at this socket: how the script starts itself for a guest in a process of its own */
    film: { type: 'string' },
  },
});

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const faults: string[] = [];

function expect(holds: boolean, what: string): void {
  console.log(`${holds ? 'ok  ' : 'FAIL'} ${what}`);
  if (!holds) faults.push(what);
}

function compare(what: string, before: Holdings, after: Holdings): void {
  const found = compareHoldings(what, before, after);
  for (const fault of found) expect(false, fault);
  if (found.length === 0) expect(true, `${what}: descriptors, memfds, children and memory are where they were`);
}

async function sessions(daemon: DaemonProcess, count: number): Promise<void> {
  for (const device of ['camera', 'decoder']) {
    await withGuest(daemon.socket(device), async (driver) => {
      const cycle = async (n: number): Promise<void> => {
        for (let i = 0; i < n; i++) await (await driver.open()).close();
      };
      await cycle(500);
      await pause(500);
      const before = holdings(daemon.pid);
      await cycle(count);
      await pause(500);
      compare(`${count} times OPEN and CLOSE of the ${device}`, before, holdings(daemon.pid));
    });
  }
}

async function connections(daemon: DaemonProcess, count: number): Promise<void> {
  for (const device of ['camera', 'decoder']) {
    const cycle = async (n: number): Promise<void> => {
      for (let i = 0; i < n; i++) await withGuest(daemon.socket(device), async (driver) => (await driver.open()).close());
    };
    await cycle(10);
    await pause(1000);
    const before = holdings(daemon.pid);
    await cycle(count);
    await pause(1000);
    compare(`${count} connections to the ${device}`, before, holdings(daemon.pid));
  }
}

/** MD5s of all pictures; `look` is told of each. */
async function decode(driver: MediaDriver, clip: CodedClip, look: (picture: number) => void = () => {}): Promise<string[]> {
  const client = await StatefulDecoderClient.open(driver, { coded: clip.coded, output: V4L2_PIX_FMT_YUV420 });
  const sums: string[] = [];
  try {
    for await (const picture of client.decode(chunks(clip))) {
      sums.push(picture.error ? 'error' : pictureMd5(toI420(picture)));
      look(sums.length);
    }
    return sums;
  } finally {
    await client.close();
  }
}

const chunks = (clip: CodedClip) => clip.units.map((bytes, i) => ({ bytes, timestamp: timestampOf(i * 1000) }));

async function killedCodec(daemon: DaemonProcess, clip: CodedClip): Promise<void> {
  console.log('\nThe codec process of one guest is killed in mid-stream');
  const known = new Set(descendants(daemon.pid));
  await withGuest(daemon.socket('decoder', 0), async (victim) => {
    const codec = descendants(daemon.pid).find((pid) => !known.has(pid));
    if (codec === undefined) throw new RangeError('the daemon started no codec process for its guest');
    await withGuest(daemon.socket('decoder', 1), async (other) => {
      const reference = await decode(other, clip);
      expect(reference.length === clip.units.length && !reference.includes('error'), `undisturbed: ${reference.length} pictures`);
      const filming = filmElsewhere(daemon.socket('camera'));
      const [killed, others, frames] = await Promise.all([die(victim, clip, codec), decode(other, clip), filming]);
      expect(
        killed.pictures > 0 && killed.errors > 0,
        `${killed.pictures} pictures came, then ${killed.errors} queued buffers with the error flag`,
      );
      expect(killed.errno === 'EIO', `then ioctls answered ${killed.errno}`);
      expect(
        killed.again === clip.units.length,
        `after STREAMOFF and STREAMON the same session decoded ${killed.again} pictures`,
      );
      const equal = others.filter((sum, i) => sum === reference[i]).length;
      expect(equal === reference.length, `the second guest decoded ${equal} of ${reference.length} pictures right meanwhile`);
      expect(frames.lost === 0, `the camera lost ${frames.lost} of ${frames.count} frames meanwhile`);
      const fresh = await decode(victim, clip);
      expect(
        fresh.every((sum, i) => sum === reference[i]),
        `a new session of the first guest decoded ${fresh.length} pictures right`,
      );
    });
  });
}

interface Death {
  readonly pictures: number;
  readonly errors: number;
  readonly errno: string;
  readonly again: number;
}

/** Decodes, kills the codec process after 30 pictures, and brings the same session back. */
async function die(driver: MediaDriver, clip: CodedClip, codec: number): Promise<Death> {
  const client = await StatefulDecoderClient.open(driver, { coded: clip.coded, output: V4L2_PIX_FMT_YUV420 });
  let [pictures, errors] = [0, 0];
  let errno = 'nothing';
  // seen as they come: the program stops at the first ioctl that fails and may not take them all
  using _tap = driver.onEvent((bytes) => {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const event = virtio_media_event_dqbuf.fields;
    if (event.hdr.fields.event.get(view, 0) !== VIRTIO_MEDIA_EVT_DQBUF) return;
    if ((event.buffer.fields.flags.get(view, 0) & V4L2_BUF_FLAG_ERROR) !== 0) errors += 1;
  });
  try {
    for await (const picture of client.decode(chunks(clip))) {
      if (picture.error) continue;
      pictures += 1;
      if (pictures === 30) process.kill(codec, 'SIGKILL');
    }
  } catch (error) {
    if (!(error instanceof IoctlError)) throw error;
    errno = /: (E[A-Z]+)/.exec(error.message)?.[1] ?? error.message;
  }
  await client.seek();
  let again = 0;
  for await (const picture of client.decode(chunks(clip))) if (!picture.error) again += 1;
  await client.close();
  return { pictures, errors, errno, again };
}

interface Footage {
  readonly count: number;
  readonly lost: number;
}

/** Films in a process of its own, as another guest would: this one is busy with sums. */
async function filmElsewhere(socket: string): Promise<Footage> {
  const { stdout } = await promisify(execFile)(process.execPath, [import.meta.filename, '--film', socket]);
  return JSON.parse(stdout) as Footage;
}

async function film(driver: MediaDriver, count: number): Promise<Footage> {
  const client = await CaptureClient.open(driver, { buffers: 8 });
  await client.configure({
    width: 640,
    height: 480,
    pixelformat: V4L2_PIX_FMT_NV12,
    interval: { numerator: 1, denominator: 30 },
  });
  await client.start();
  let [first, last, damaged] = [-1, -1, 0];
  for (let i = 0; i < count; i++) {
    const frame = await client.next();
    if (first < 0) first = frame.sequence;
    last = frame.sequence;
    if (frame.error) damaged += 1;
  }
  await client.close();
  return { count, lost: last - first + 1 - count + damaged };
}

async function soak(): Promise<void> {
  const clip = await readClip(makeClip('out', 300));
  await using daemon = await DaemonProcess.start([
    { kind: 'camera', name: 'camera' },
    { kind: 'decoder', name: 'decoder', sockets: 2 },
  ]);
  await sessions(daemon, Number(values.sessions));
  await connections(daemon, Number(values.connections));
  await killedCodec(daemon, { ...clip, units: clip.units.slice(0, 120) });
  expect((await daemon.stop()) === 0, 'the daemon ended cleanly');
  const left = readdirSync(daemon.folder).filter((name) => name.endsWith('.sock'));
  expect(left.length === 0, `${left.length} sockets were left behind`);
}

if (values.film !== undefined) {
  console.log(JSON.stringify(await withGuest(values.film, (driver) => film(driver, 120))));
} else {
  await soak();
  console.log(faults.length === 0 ? '\nNothing is left behind.' : `\n${faults.length} faults.`);
  process.exitCode = faults.length === 0 ? 0 : 1;
}
