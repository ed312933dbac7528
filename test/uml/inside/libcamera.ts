// SPDX-License-Identifier: Apache-2.0
/**
 * For User-mode Linux with a camera of libcamera: `node libcamera.ts NAME STORY` starts a daemon that shows the camera, lets a guest do
 * what the story says, and tells in a line of JSON what it saw.
 */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { fourcc, V4L2_CID_CAMERA_SENSOR_ROTATION } from '../../../packages/core/src/index.ts';
import { DaemonProcess } from '../../../packages/host/src/daemon/index.ts';
import { Filming, patiently, SMALL } from './filming.ts';
import { platformDevice } from './platform-device.ts';

const [name = '', story = '', ...args] = process.argv.slice(2);

const daemon = await DaemonProcess.start([{ kind: 'camera', name: 'camera', source: 'front', sizes: 'ranges' }], {
  sources: { front: { libcamera: name } },
  log: 'info',
});
const guest = await Filming.open(daemon.socket('camera', 0));

/** Processes of `cam` that there are. */
const running = (): number => spawnSync('pgrep', ['-x', 'cam'], { encoding: 'utf8' }).stdout.split('\n').length - 1;

const REQUEST = { ...SMALL, pixelformat: fourcc('RGB3'), width: 320, height: 240 };

/** Films until a frame of a camera that was away is whole. */
async function backAgain(): Promise<void> {
  await patiently(async () => {
    await guest.client.stop();
    await guest.start(REQUEST);
    if ((await guest.frames(1)).some(({ error }) => error)) throw new Error('it is away still');
  });
  await guest.client.stop();
}

const STORIES: Readonly<Record<string, () => Promise<unknown>>> = {
  /** One of a few frames of FORMAT WIDTH HEIGHT is written to FILE. */
  async frames() {
    const [format = '', width = '', height = '', file = ''] = args;
    const idle = running();
    await guest.start({ ...SMALL, pixelformat: fourcc(format), width: Number(width), height: Number(height) });
    const seen = await guest.frames(5);
    const last = await guest.client.next();
    const streaming = running();
    writeFileSync(file, Buffer.concat(last.planes));
    await guest.client.stop();
    await patiently(async () => {
      if (running() > 0) throw new Error('cam runs still');
    });
    const ordered = seen.every(({ sequence, timestamp }, i) => {
      const before = seen[i - 1];
      return before === undefined || (sequence > before.sequence && timestamp > before.timestamp);
    });
    const rotation = await guest.client.session.gCtrl(V4L2_CID_CAMERA_SENSOR_ROTATION);
    return { idle, streaming, ordered, rotation, asked: last.layout.fourcc === fourcc(format) };
  },

  /** The camera is killed, and comes back. */
  async killed() {
    await guest.start(REQUEST);
    await guest.frames(3);
    const over = guest.until();
    spawnSync('pkill', ['-KILL', '-x', 'cam']);
    const end = await over;
    await backAgain();
    return { end };
  },

  /** The camera is unplugged in mid-stream, and plugged in again. */
  async unplug() {
    await guest.start(REQUEST);
    await guest.frames(3);
    const over = guest.until();
    const unbound = platformDevice('vimc', 'unbind');
    const end = await over;
    await unbound;
    await guest.client.stop();
    await platformDevice('vimc', 'bind');
    spawnSync('sh', ['-c', args[0] ?? '']);
    await backAgain();
    return { end };
  },
};

try {
  const told = await STORIES[story]?.();
  await guest[Symbol.asyncDispose]();
  console.log(JSON.stringify(told));
} catch (error) {
  console.error(daemon.log);
  throw error;
} finally {
  await daemon[Symbol.asyncDispose]();
}
