// SPDX-License-Identifier: Apache-2.0
/**
 * For User-mode Linux with v4l2loopback: `node node-sink.ts NODE STORY` starts a daemon whose output goes to the node, has a guest play, and
 * tells in a line of JSON what programs of the host read there.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync, rmSync } from 'node:fs';
import { fourcc, fourccName, MediaDriver, OutputClient } from '../../../packages/core/src/index.ts';
import { DaemonProcess } from '../../../packages/host/src/daemon/index.ts';
import { connectFrontend } from '../../../packages/host/src/frontend/index.ts';
import { DaemonFiles } from './daemon-files.ts';
import { patiently } from './filming.ts';
import { platformDevice } from './platform-device.ts';

const [device = '', story = '', ...args] = process.argv.slice(2);
const [WIDTH, HEIGHT] = [320, 240];
const READ = '/run/read';

/** its path, where it is named otherwise */
const [format = 'YU12', path = device] = args;
const daemon = await DaemonProcess.start([{ kind: 'output', name: 'wall', size: `${WIDTH}x${HEIGHT}`, sinks: [{ device }] }], {
  log: 'info',
});
const transport = await connectFrontend(daemon.socket('wall'), { memoryBytes: 16 << 20 });
const client = await OutputClient.open(await MediaDriver.attach(transport));
const interval = { numerator: 1, denominator: 30 };
await client.configure({ pixelformat: fourcc(format), width: WIDTH, height: HEIGHT, interval });
await client.start();
const size = client.layout.sizes[0] ?? 0;
const FRAMES = Array.from({ length: 61 }, () => randomBytes(size));

const md5 = (bytes: Uint8Array): string => createHash('md5').update(bytes).digest('hex');
const said = (text: string): number => daemon.log.split(text).length - 1;

/** Plays the frames over and over, from the first on, until what is awaited has come about. */
async function playUntil<T>(awaited: Promise<T>): Promise<T> {
  let over = false;
  const end = awaited.finally(() => {
    over = true;
  });
  end.catch(() => {});
  for (let i = 0; !over; i++) await client.write(FRAMES[i % FRAMES.length] as Uint8Array);
  return await end;
}

const playUntilSaid = (text: string, times = 1): Promise<void> =>
  playUntil(
    patiently(async () => {
      if (said(text) < times) throw new Error(`the log does not say ${times} times: ${text}`);
    }),
  );

async function ended(child: ChildProcess): Promise<number | null> {
  const [code] = await once(child, 'close');
  return code;
}

/** What a program reads while the guest plays, in frames of so many bytes. */
async function read(command: readonly string[], bytes: number): Promise<readonly Buffer[]> {
  rmSync(READ, { force: true });
  const [program = '', ...rest] = command;
  const status = await playUntil(ended(spawn(program, rest, { stdio: ['ignore', 2, 2] })));
  if (status !== 0) throw new Error(`${program} ended with ${status}`);
  const all = readFileSync(READ);
  const frames = Array.from({ length: all.length / bytes }, (_, i) => all.subarray(i * bytes, (i + 1) * bytes));
  return frames.slice(STALE);
}

/** v4l2loopback begins with what lay in its buffers before: so many frames, at most, are not looked at. */
const STALE = 8;
const COUNT = 20 + STALE;
const filming = ['v4l2-ctl', '-d', path, '--stream-mmap', `--stream-count=${COUNT}`, `--stream-to=${READ}`];
/** It is told not to repeat and leave out frames itself, for an even rate. */
const ffmpeg = [
  ...['ffmpeg', '-v', 'error', '-f', 'v4l2', '-i', path, '-frames:v', `${COUNT}`],
  ...['-fps_mode', 'passthrough', '-f', 'rawvideo', '-y', READ],
];

/** Which of the frames were read, by their place in the list; -1 for what nobody played. */
function places(frames: readonly Uint8Array[]): number[] {
  const sums = FRAMES.map(md5);
  return frames.map((frame) => sums.indexOf(md5(frame)));
}

async function formatThere(): Promise<string> {
  const child = spawn('v4l2-ctl', ['-d', path, '--get-fmt-video'], { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  child.stdout.setEncoding('latin1').on('data', (piece: string) => {
    text += piece;
  });
  await ended(child);
  const [, width, height, name] = /Width\/Height\s*: (\d+)\/(\d+)[\s\S]*Pixel Format\s*: '(....)'/.exec(text) ?? [];
  return `${name} ${width}x${height}`;
}

const STARTED = 'what is played goes to a node';

const STORIES: Readonly<Record<string, () => Promise<unknown>>> = {
  /** What is played in FORMAT is read by v4l2-ctl and by ffmpeg. */
  async frames() {
    await playUntilSaid(STARTED);
    const there = await formatThere();
    const byTool = places(await read(filming, size));
    const byFfmpeg = places(await read(ffmpeg, size));
    return { there, asked: `${fourccName(client.layout.fourcc)} ${WIDTH}x${HEIGHT}`, byTool, byFfmpeg };
  },

  /** The node takes NV12 alone: what is played has to be converted to it. */
  async converted() {
    await playUntilSaid(STARTED);
    const seen = await read(filming, size);
    const sums = FRAMES.map((frame) => md5(interleaved(frame)));
    return { there: await formatThere(), places: seen.map((frame) => sums.indexOf(md5(frame))) };
  },

  /** Another program writes into the node, and then not any more. */
  async busy() {
    const remedy = 'another program writes into it: end that one';
    await playUntilSaid(remedy);
    process.kill(Number(args[2]));
    await playUntilSaid(STARTED);
    const seen = places(await read(filming, size));
    return { told: said(remedy), seen };
  },

  /** The device is unplugged in the middle, and comes back; then the guest ends, and the node is closed. */
  async unplug() {
    await playUntilSaid(STARTED);
    await playUntil(platformDevice('vivid', 'unbind'));
    await playUntilSaid('it was unplugged');
    await playUntil(platformDevice('vivid', 'bind'));
    await playUntilSaid(STARTED, 2);
    await client.stop();
    const files = new DaemonFiles(daemon.pid);
    const open = (): number => files.openings('/dev/video');
    await patiently(async () => {
      if (open() > 0) throw new Error('the node is open still');
    });
    return { open: open() };
  },

  /** The guest stops and plays again, over and over. */
  async again() {
    const files = new DaemonFiles(daemon.pid);
    const openings = (count: number) =>
      patiently(async () => {
        if (files.openings(path) !== count) throw new Error(`the node is not open ${count} times`);
      });
    const cycle = async (): Promise<void> => {
      await playUntil(openings(1));
      await client.stop();
      await openings(0);
    };
    await cycle();
    const more = async (cycles: number): Promise<{ fds: number; maps: number }> => {
      for (let i = 0; i < cycles; i++) {
        await client.start();
        await cycle();
      }
      return { fds: files.descriptors, maps: files.mappings };
    };
    return { before: await more(10), after: await more(40) };
  },
};

/** YU12 as NV12. */
function interleaved(picture: Uint8Array): Uint8Array {
  const [luma, chroma] = [WIDTH * HEIGHT, (WIDTH * HEIGHT) / 4];
  const made = Uint8Array.from(picture);
  for (let i = 0; i < chroma; i++) {
    made[luma + 2 * i] = picture[luma + i] ?? 0;
    made[luma + 2 * i + 1] = picture[luma + chroma + i] ?? 0;
  }
  return made;
}

try {
  const told = await STORIES[story]?.();
  await client.close();
  await transport.close();
  console.log(JSON.stringify(told));
} catch (error) {
  console.error(daemon.log);
  throw error;
} finally {
  await daemon[Symbol.asyncDispose]();
}
