// SPDX-License-Identifier: Apache-2.0
/**
 * For User-mode Linux with a camera: `node host-camera.ts NODE STORY` starts a daemon that shows the camera at two sockets, lets two
 * guests do what the story says, and tells in a line of JSON what they saw.
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import {
  type ClientFrame,
  fourcc,
  V4L2_CID_BRIGHTNESS,
  V4L2_CTRL_FLAG_NEXT_CTRL,
  V4L2_EVENT_CTRL,
} from '../../../packages/core/src/index.ts';
import { DaemonProcess } from '../../../packages/host/src/daemon/index.ts';
import { DaemonFiles } from './daemon-files.ts';
import { Filming, patiently, SMALL } from './filming.ts';
import { platformDevice } from './platform-device.ts';

const [node = '', story = '', ...args] = process.argv.slice(2);

/** Formats whose planes lie in memory of their own are for cameras of that kind. */
const planes = args[0] === 'NM12' ? 'multi' : 'single';
const daemon = await DaemonProcess.start([{ kind: 'camera', name: 'camera', source: 'desk', sockets: 2, planes }], {
  sources: { desk: { device: node, ...(story === 'stay' ? { absent: 'no-signal' } : {}) } },
  log: 'info',
});
const files = new DaemonFiles(daemon.pid);
/** How often the daemon has the camera open. */
const openings = (): number => files.openings(node);

const one = await Filming.open(daemon.socket('camera', 0));
const two = await Filming.open(daemon.socket('camera', 1));

type Seen = Pick<ClientFrame, 'sequence' | 'timestamp'>;
const later = (a: Seen, b: Seen | undefined): boolean =>
  b === undefined || (a.sequence > b.sequence && a.timestamp > b.timestamp);

const STORIES: Readonly<Record<string, () => Promise<unknown>>> = {
  /** The last of a few frames of FORMAT WIDTH HEIGHT is written to FILE. */
  async frames() {
    const [format = '', width = '', height = '', file = ''] = args;
    await one.start({ ...SMALL, pixelformat: fourcc(format), width: Number(width), height: Number(height) });
    const seen = await one.frames(9);
    const last = await one.client.next();
    writeFileSync(file, Buffer.concat(last.planes));
    const ordered = seen.every(({ sequence }, i) => i === 0 || sequence > (seen[i - 1]?.sequence ?? -1));
    return { ordered, asked: last.layout.fourcc === fourcc(format) };
  },

  async share() {
    const idle = openings();
    await one.start(SMALL);
    await two.start({ ...SMALL, pixelformat: fourcc('RGB3'), width: 320, height: 180 });
    await Promise.all([one.frames(20), two.frames(20)]);
    const streaming = openings();
    await one.client.stop();
    // What is converted goes on when the guest that chose the mode has stopped.
    await two.frames(20);
    await two.client.stop();
    await patiently(async () => {
      if (openings() > 0) throw new Error('the camera is open still');
    });
    return { idle, streaming: streaming > 0 };
  },

  /** The second guest asks for more than the first did: a frame of 1280x720 is written to FILE. */
  async rise() {
    const [file = ''] = args;
    await one.start({ ...SMALL, width: 320, height: 180 });
    const before = await one.frames(5);
    await two.start({ ...SMALL, width: 1280, height: 720 });
    const [after] = await Promise.all([one.frames(20), two.frames(9)]);
    writeFileSync(file, Buffer.concat((await two.client.next()).planes));
    const seen = [...before, ...after];
    return {
      counted: seen.every(({ sequence }, i) => i === 0 || sequence > (seen[i - 1]?.sequence ?? -1)),
      later: seen.every(({ timestamp }, i) => i === 0 || timestamp > (seen[i - 1]?.timestamp ?? -1)),
      errors: seen.filter(({ error }) => error).length,
    };
  },

  async controls() {
    const { session } = one.client;
    const names: string[] = [];
    for (let id = 0; ; ) {
      const control = await session.queryExtCtrl((id | V4L2_CTRL_FLAG_NEXT_CTRL) >>> 0);
      if (control === undefined) break;
      names.push(control.name);
      id = control.id;
    }
    const own = (value: number): number =>
      spawnSync('v4l2-ctl', ['-d', node, '-c', `brightness=${value}`], { stdio: 'inherit' }).status ?? -1;
    const told = (): number =>
      Number(/: (\d+)/.exec(spawnSync('v4l2-ctl', ['-d', node, '-C', 'brightness'], { encoding: 'utf8' }).stdout)?.[1]);
    await session.sCtrl(V4L2_CID_BRIGHTNESS, 77);
    const idle = told();
    const other = await two.client.session.sCtrl(V4L2_CID_BRIGHTNESS, 5).catch((error) => error.message);
    await one.start(SMALL);
    await session.subscribeEvent(V4L2_EVENT_CTRL, V4L2_CID_BRIGHTNESS);
    const event = session.nextEvent();
    own(33);
    const filming = one.until();
    const { control } = await event;
    const streaming = await session.sCtrl(V4L2_CID_BRIGHTNESS, 99).then(told);
    await one.client.stop();
    await filming;
    return { names, idle, other, heard: control?.value, streaming };
  },

  async unplug() {
    await one.start(SMALL);
    await two.start({ ...SMALL, pixelformat: fourcc('RGB3'), width: 320, height: 180 });
    await Promise.all([one.frames(5), two.frames(5)]);
    const over = Promise.all([one.until(), two.until()]);
    await platformDevice('vivid', 'unbind');
    const ends = await over;
    await Promise.all([one.client.stop(), two.client.stop()]);
    const away = await one.client.start().then(
      () => 'it started',
      (error) => error.message,
    );
    const openWhileAway = openings();
    await platformDevice('vivid', 'bind');
    await patiently(async () => {
      // What a start that was refused has queued.
      await one.client.stop();
      await one.start(SMALL);
    });
    const back = await one.frames(10);
    await one.client.stop();
    return { ends, away, openWhileAway, back: back.every(({ error }) => !error) };
  },

  /** Of a camera that stays there: both guests film from before it is unplugged until after it is back. */
  async stay() {
    const status = async (): Promise<number> => (await one.client.session.enumInput(0))?.status ?? -1;
    await one.start(SMALL);
    await two.start({ ...SMALL, pixelformat: fourcc('MJPG'), width: 320, height: 180 });
    const pictures = [await Promise.all([one.picture(), two.picture()])];
    await platformDevice('vivid', 'unbind');
    await patiently(async () => {
      pictures[1] = await Promise.all([one.picture(), two.picture()]);
      if ((await status()) === 0 || String(pictures[1]) === String(pictures[0])) throw new Error('it is there still');
    });
    const away = await Promise.all([one.frames(20), two.frames(20)]);
    const openWhileAway = openings();
    await platformDevice('vivid', 'bind');
    await patiently(async () => {
      pictures[2] = await Promise.all([one.picture(), two.picture()]);
      const shown = pictures[2].map((picture, i) => picture !== pictures[1]?.[i]);
      if ((await status()) !== 0 || shown.includes(false)) throw new Error('it is away still');
    });
    const back = await Promise.all([one.frames(20), two.frames(20)]);
    const seen = [0, 1].map((i) => [...(away[i] ?? []), ...(back[i] ?? [])]);
    return {
      errors: seen.flat().filter(({ error }) => error).length,
      rising: seen.every((frames) => frames.every((frame, i) => i === 0 || later(frame, frames[i - 1]))),
      openWhileAway,
    };
  },

  async busy() {
    const other = spawn('v4l2-ctl', ['-d', node, '--stream-mmap', '--stream-count=100000'], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    // It marks each frame there.
    await once(other.stderr, 'data');
    other.stderr.resume();
    await one.start(SMALL);
    const [first] = await one.frames(1).catch(() => []);
    if (first !== undefined && !first.error) throw new Error('it streams beside another program');
    await one.client.stop();
    other.kill('SIGKILL');
    await once(other, 'close');
    await patiently(async () => {
      await one.client.stop();
      await one.start(SMALL);
      if ((await one.frames(1)).some(({ error }) => error)) throw new Error('it is busy still');
    });
    return { log: daemon.log.split('\n').filter((line) => line.includes('another program uses it')).length };
  },

  async starts() {
    const cycle = async (): Promise<void> => {
      await one.start(SMALL);
      await one.frames(1);
      await one.client.stop();
    };
    // Threads start, and memory settles, with the first ones.
    for (let i = 0; i < 50; i++) await cycle();
    const before = { fds: files.descriptors, maps: files.mappings };
    for (let i = 0; i < 200; i++) await cycle();
    return { before, after: { fds: files.descriptors, maps: files.mappings } };
  },
};

try {
  const told = await STORIES[story]?.();
  await one[Symbol.asyncDispose]();
  await two[Symbol.asyncDispose]();
  console.log(JSON.stringify(told));
} catch (error) {
  console.error(daemon.log);
  throw error;
} finally {
  await daemon[Symbol.asyncDispose]();
}
