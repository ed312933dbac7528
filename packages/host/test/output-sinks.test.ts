// SPDX-License-Identifier: Apache-2.0
/** Where what a guest plays goes: files and programs. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createConnection, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fourcc, type OutputClient } from '@paravideo/core';
import { afterEach, describe, expect, it } from 'vitest';
import type { ConfigInput, DaemonProcess } from '../src/daemon/index.ts';
import { LiveRig } from '../src/sources/live-stream/testing/live-rig.ts';
import { withLandlock } from '../src/sys/testing/with-landlock.ts';
import { decodedFilm, psnr } from './decoded-film.ts';
import { freePort } from './free-port.ts';
import { OutputRig } from './output-rig.ts';
import { HEIGHT, PICTURES, PIXELS, WIDTH } from './played-pictures.ts';

const VIEWER = fileURLToPath(new URL('film-viewer.ts', import.meta.url));
const rig = new OutputRig();
afterEach(() => rig.close());

const REQUEST = { pixelformat: fourcc('YU12'), width: WIDTH, height: HEIGHT, interval: { numerator: 1, denominator: 50 } };
const SOON = { timeout: 30_000 };

type Sinks = Extract<ConfigInput['devices'][number], { kind: 'output' }>['sinks'];

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'pv-sinks-'));
  rig.cleanups.push(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

const serve = (sinks: Sinks): Promise<DaemonProcess> =>
  rig.serve([{ kind: 'output', name: 'wall', size: `${WIDTH}x${HEIGHT}`, sinks }]);

async function play(client: OutputClient, frames: readonly Uint8Array[] = PICTURES): Promise<void> {
  for (const frame of frames) await client.write(frame);
  await client.drain();
}

/** Waits for a message of the log, so many times. */
const logged = (daemon: DaemonProcess, message: string, times = 1): Promise<void> =>
  expect.poll(() => daemon.log.split(`"${message}"`).length - 1, SOON).toBeGreaterThanOrEqual(times);

/** The pictures of YUV4MPEG2, each of which has to be one that was played, in order. */
function expectPlayed(bytes: Buffer): void {
  const head = bytes.indexOf('\n') + 1;
  expect(bytes.toString('latin1', 0, head)).toBe(`YUV4MPEG2 W${WIDTH} H${HEIGHT} F50:1 Ip A1:1 C420mpeg2 XCOLORRANGE=LIMITED\n`);
  const size = 6 + PIXELS * 1.5;
  expect((bytes.length - head) % size).toBe(0);
  const seen = Array.from({ length: (bytes.length - head) / size }, (_, i) => {
    const at = head + i * size;
    expect(bytes.toString('latin1', at, at + 6)).toBe('FRAME\n');
    return PICTURES.findIndex((one) => Buffer.compare(one, bytes.subarray(at + 6, at + size)) === 0);
  });
  expect(seen.length).toBeGreaterThan(10);
  expect(seen).not.toContain(-1);
  expect(seen).toEqual([...seen].sort((a, b) => a - b));
}

describe('a file', () => {
  it('of YUV4MPEG2 has what was played, byte by byte, each time in a file of its own', async () => {
    const path = join(folder(), 'film.y4m');
    const daemon = await serve([{ file: path }]);
    const { client } = await rig.player(daemon.socket('wall'), REQUEST);
    await play(client);
    await client.stop();
    await client.start();
    await play(client);
    await client.stop();
    await logged(daemon, 'recorded', 2);
    expectPlayed(readFileSync(path));
    expectPlayed(readFileSync(path.replace('.y4m', '-2.y4m')));
  });

  it.each([
    ['film.mkv', 'h264', 35],
    ['film.mkv', 'ffv1', Number.POSITIVE_INFINITY],
    ['film.mp4', 'h264', 35],
    ['film.ts', 'h264', 35],
  ] as const)('%s of %s is a whole film of what was played', async (name, codec, least) => {
    const path = join(folder(), name);
    const daemon = await serve([{ file: path, codec }]);
    const { client } = await rig.player(daemon.socket('wall'), REQUEST);
    await play(client);
    await client.stop();
    await logged(daemon, 'recorded');
    const { width, height, luma, times } = await decodedFilm(path);
    expect([width, height]).toEqual([WIDTH, HEIGHT]);
    const { frames = 0 } = JSON.parse(daemon.log.split('\n').find((line) => line.includes('a sink has taken')) ?? '{}');
    expect(luma.length).toBe(frames);
    const seen = luma.map((plane) => {
      const ratios = PICTURES.map((one) => psnr(plane, one.subarray(0, PIXELS)));
      const best = Math.max(...ratios);
      expect(best).toBeGreaterThanOrEqual(least);
      return ratios.indexOf(best);
    });
    expect(seen).toEqual([...seen].sort((a, b) => a - b));
    // Frames have the times at which they were played: 20 ms from one to the next, wherever none is missing.
    for (const [i, time] of times.entries()) {
      const steps = (seen[i] ?? 0) - (seen[0] ?? 0);
      expect(time - (times[0] ?? 0)).toBeGreaterThanOrEqual(steps * 0.02 - 0.002);
    }
  });

  it('is finished when the guest goes without a word, and when the daemon ends', async () => {
    const [gone, ended] = [join(folder(), 'gone.mp4'), join(folder(), 'ended.mp4')];
    const first = await serve([{ file: gone }]);
    const { client, frontend } = await rig.player(first.socket('wall'), REQUEST);
    await play(client);
    await frontend.close();
    await logged(first, 'recorded');
    expect((await decodedFilm(gone)).luma.length).toBeGreaterThan(10);
    const second = await serve([{ file: ended }]);
    await play((await rig.player(second.socket('wall'), REQUEST)).client);
    expect(await second.stop()).toBe(0);
    expect((await decodedFilm(ended)).luma.length).toBeGreaterThan(10);
  });

  it('overwrites none, and leaves none without a picture', async () => {
    const path = join(folder(), 'film.y4m');
    writeFileSync(path, 'mine');
    const daemon = await serve([{ file: path }]);
    const { client } = await rig.player(daemon.socket('wall'), REQUEST);
    await play(client, PICTURES);
    await client.close();
    await logged(daemon, 'recorded');
    expect(readFileSync(path, 'latin1')).toBe('mine');
    expectPlayed(readFileSync(path.replace('.y4m', '-2.y4m')));
  });

  it('ends at its limit, and the guest plays on', async () => {
    const limited = join(folder(), 'film.y4m');
    const daemon = await serve([{ file: limited, limit: 200_000 }]);
    const { client } = await rig.player(daemon.socket('wall'), REQUEST);
    await play(client);
    await logged(daemon, 'nothing more is recorded of what is played');
    expect(daemon.log).toContain('the limit of bytes is reached');
    await play(client);
    await client.stop();
    await logged(daemon, 'a recording has ended early');
    expect(readFileSync(limited).length).toBeLessThan(200_000 + 3 * PIXELS);
    await client.start();
    await logged(daemon, 'a sink does not take what is played');
    await play(client);
  });

  it.each([
    ['film.avi', 'ends in'],
    ['film.mp4', 'holds h264, and not ffv1'],
  ])('%s is refused at the start where it cannot be written', async (name, text) => {
    await expect(serve([{ file: join(folder(), name), codec: 'ffv1' }])).rejects.toThrow(text);
  });
});

describe('a program', () => {
  it('gets what is played on its standard input, and its end with the end of what is played', async () => {
    const path = join(folder(), 'copy.y4m');
    const daemon = await serve([{ command: ['sh', '-c', `cat > ${path}.part; mv ${path}.part ${path}`] }]);
    const { client } = await rig.player(daemon.socket('wall'), REQUEST);
    // The program has to be there first.
    await client.write(PICTURES[0] as Uint8Array);
    await expect.poll(() => readdirSync(join(path, '..')).length, SOON).toBe(1);
    await play(client);
    await client.stop();
    await expect.poll(() => readdirSync(join(path, '..')), SOON).toEqual(['copy.y4m']);
    expectPlayed(readFileSync(path));
    expect(await daemon.stop()).toBe(0);
  });

  it('that does not read, that ends at once or is not there keeps nobody waiting', async () => {
    const mark = folder();
    const daemon = await serve([{ command: ['sleep', '1000', ...[]] }, { command: ['true'] }, { command: [`${mark}/none`] }]);
    const { client } = await rig.player(daemon.socket('wall'), REQUEST);
    const frames = Array.from({ length: 3 }, () => PICTURES).flat();
    const began = performance.now();
    await play(client, frames);
    // 120 frames at 50 a second.
    expect(performance.now() - began).toBeLessThan(20_000);
    await client.stop();
    await logged(daemon, 'a sink has taken what was played', 3);
    expect(await daemon.stop()).toBe(0);
  });
});

it('what sinks keep of what is played counts for the guest that plays', async () => {
  // Eight frames of the output and the guest's buffers fit; eight of a recorder beside them do not.
  const [width, height] = [640, 480];
  const limit = { 'guest-buffers': '8MiB' };
  const output = { kind: 'output', size: `${width}x${height}` } as const;
  const path = join(folder(), 'film.y4m');
  const devices = [
    { ...output, name: 'plain' },
    { ...output, name: 'recorded', sinks: [{ file: path }] },
  ];
  const daemon = await rig.serve(devices, limit);
  const request = { ...REQUEST, width, height };
  const { client } = await rig.player(daemon.socket('plain'), request);
  await client.write(new Uint8Array(width * height * 1.5));
  await expect(rig.player(daemon.socket('recorded'), request)).rejects.toThrow('VIDIOC_STREAMON: ENOMEM');
});

describe('a V4L2 node', () => {
  it.each([
    ['/dev/null', 'it is no V4L2 device: correct `device`'],
    ['/dev/nothing-there', 'it is not there: load its driver (modprobe v4l2loopback), or correct `device`'],
    ['No Such Camera', 'there is no device No Such Camera on this machine: load its driver'],
  ])('%s that cannot be had is told in the log with what to do, and the guest plays on', async (device, text) => {
    const daemon = await serve([{ device }]);
    const { client } = await rig.player(daemon.socket('wall'), REQUEST);
    await play(client);
    await expect.poll(() => daemon.log, SOON).toContain(text);
    await play(client);
    expect(await daemon.stop()).toBe(0);
  });
});

describe('an RTSP server', () => {
  it('shows what is played to viewers, and the next time that it is played, too', async () => {
    const port = await freePort();
    const daemon = await serve([{ rtsp: port }]);
    const { client } = await rig.player(daemon.socket('wall'), REQUEST);
    const film = join(folder(), 'seen');
    for (let round = 0; round < 2; round += 1) {
      if (round > 0) await client.start();
      const viewer = spawn(process.execPath, ['--no-warnings', VIEWER, `rtsp://127.0.0.1:${port}/wall`, '30', film], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      const ended = once(viewer, 'exit');
      let said = '';
      viewer.stdout.setEncoding('latin1').on('data', (text: string) => {
        said += text;
      });
      for (let i = 0; viewer.exitCode === null; i += 1) await client.write(PICTURES[i % PICTURES.length] as Uint8Array);
      expect([(await ended)[0], said]).toEqual([0, `${WIDTH}x${HEIGHT}`]);
      const luma = readFileSync(film);
      expect(luma.length).toBe(30 * PIXELS);
      const seen = Array.from({ length: 30 }, (_, i) => {
        const ratios = PICTURES.map((one) => psnr(luma.subarray(i * PIXELS, (i + 1) * PIXELS), one.subarray(0, PIXELS)));
        const best = Math.max(...ratios);
        expect(best).toBeGreaterThan(30);
        return ratios.indexOf(best);
      });
      expect(new Set(seen).size).toBeGreaterThan(10);
      await client.stop();
    }
    expect(await daemon.stop()).toBe(0);
  });

  it.runIf(withLandlock)('is a camera for whoever names its address', async () => {
    const port = await freePort();
    const daemon = await serve([{ rtsp: port }]);
    const { client } = await rig.player(daemon.socket('wall'), REQUEST);
    await using camera = new LiveRig();
    await camera.open({ url: `rtsp://127.0.0.1:${port}/wall` });
    for (let i = 0; camera.taken.length < 30; i += 1) {
      await client.write(PICTURES[i % PICTURES.length] as Uint8Array);
      if (camera.capture.absent === undefined && !camera.streaming) camera.stream();
    }
    expect(camera.capture.modes.defaultSize).toEqual({ width: WIDTH, height: HEIGHT });
    expect(new Set(camera.taken.map(({ md5 }) => md5)).size).toBeGreaterThan(10);
  });

  it('closes clients that make no sense, that do not read, and those beyond the limit; the guest plays on', async () => {
    const port = await freePort();
    const daemon = await serve([{ rtsp: port }]);
    const { client } = await rig.player(daemon.socket('wall'), REQUEST);
    const connect = async () => {
      const socket = createConnection({ port, host: '127.0.0.1' });
      rig.cleanups.push(() => socket.destroy());
      const closed = once(
        socket.on('error', () => {}),
        'close',
      );
      await once(socket, 'connect');
      return { socket, closed };
    };
    for (const words of [
      'GET / HTTP/1.1\r\n\r\n',
      `OPTIONS * RTSP/1.0\r\nX: ${'x'.repeat(9000)}`,
      'OPTIONS * RTSP/1.0\r\nContent-Length: -1\r\n\r\n',
    ]) {
      const { socket, closed } = await connect();
      socket.write(words);
      await closed;
    }
    const asking = await connect();
    const answers: string[] = [];
    asking.socket.setEncoding('latin1').on('data', (text: string) => answers.push(text));
    asking.socket.write(
      'PLAY rtsp://x/ RTSP/1.0\r\nCSeq: 1\r\n\r\nSETUP rtsp://x/ RTSP/1.0\r\nCSeq: 2\r\nTransport: RTP/AVP;unicast;client_port=5000-5001\r\n\r\nRECORD rtsp://x/ RTSP/1.0\r\nCSeq: 3\r\n\r\n',
    );
    await expect
      .poll(() => answers.join('').match(/^RTSP.*\r\nCSeq: \d/gm), SOON)
      .toEqual([
        'RTSP/1.0 455 Method Not Valid in This State\r\nCSeq: 1',
        'RTSP/1.0 461 Unsupported Transport\r\nCSeq: 2',
        'RTSP/1.0 501 Not Implemented\r\nCSeq: 3',
      ]);
    const crowd = [];
    for (let i = 0; i < 20; i += 1) crowd.push(await connect());
    await Promise.any(crowd.map(({ closed }) => closed));
    await play(client);
    expect(await daemon.stop()).toBe(0);
  });

  it('is refused at the start where its port is taken', async () => {
    const port = await freePort();
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
    rig.cleanups.push(() => new Promise((resolve) => server.close(resolve)));
    await expect(serve([{ rtsp: port }])).rejects.toThrow('EADDRINUSE');
  });
});
