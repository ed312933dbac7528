// SPDX-License-Identifier: Apache-2.0
/** Cameras of raw frames as guests see them, behind a daemon in a process of its own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  V4L2_BUF_TYPE_VIDEO_CAPTURE as CAPTURE,
  CaptureClient,
  Errno,
  MediaDriver,
  pictureLayout,
  SharedSource,
  V4L2_EVENT_SOURCE_CHANGE,
  V4L2_PIX_FMT_GREY,
  V4L2_PIX_FMT_NV12,
  V4L2_PIX_FMT_YUV420,
} from '@paravideo/core';
import { errnoOf } from '@paravideo/core/testing';
import { afterEach, describe, expect, it } from 'vitest';
import { runCommand } from '../src/cli/testing/run-command.ts';
import { type ConfigInput, DaemonProcess } from '../src/daemon/index.ts';
import { connectFrontend } from '../src/frontend/index.ts';
import { openMediaFile } from '../src/sources/media-file/index.ts';
import { PRODUCER, processesOf } from '../src/sources/raw-frames/testing/kinds.ts';
import { CopyingConsumer } from '../src/sources/raw-frames/testing/raw-rig.ts';

const ENTRY = fileURLToPath(new URL('../bin/start.js', import.meta.url));
const EXAMPLE = fileURLToPath(new URL('../../../examples/frames-producer.ts', import.meta.url));
const FILM_PROGRAM = fileURLToPath(new URL('../src/sources/raw-frames/testing/film-program.ts', import.meta.url));
const FILM = fileURLToPath(new URL('../fixtures/h264-b-frames.h264', import.meta.url));

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'pv-raw-'));
  cleanups.push(() => rmSync(path, { recursive: true }));
  return path;
}

function run(...args: string[]): ChildProcess {
  const child = spawn(process.execPath, ['--no-warnings', ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  cleanups.push(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  });
  return child;
}

const produce = (to: string, how = 'y4m', size = '64x48', every = 5): ChildProcess => run(PRODUCER, to, how, size, String(every));
/** The producer as a command; the mark is for finding it among all processes. */
const command = (mark: string, how = 'y4m', size = '64x48'): string[] => [
  process.execPath,
  '--no-warnings',
  PRODUCER,
  '-',
  how,
  size,
  '5',
  'Infinity',
  mark,
];

async function guest(socket: string): Promise<CaptureClient> {
  const frontend = await connectFrontend(socket, { memoryBytes: 4 << 20 });
  cleanups.push(() => frontend.close());
  const client = await CaptureClient.open(await MediaDriver.attach(frontend));
  leaving.set(client, () => frontend.close());
  return client;
}

/** How each guest goes: a socket has one at a time. */
const leaving = new WeakMap<CaptureClient, () => Promise<void>>();

/** A daemon of one camera, whose source is this. */
async function serve(source: Record<string, unknown>): Promise<DaemonProcess> {
  const rest = { log: 'info', sources: { raw: source } } as Omit<ConfigInput, 'devices'>;
  const daemon = await DaemonProcess.start([{ kind: 'camera', name: 'raw', source: 'raw' }], rest);
  cleanups.push(() => daemon[Symbol.asyncDispose]());
  return daemon;
}

/** Tries to stream until the camera is there. */
async function started(client: CaptureClient): Promise<void> {
  await client.session.subscribeEvent(V4L2_EVENT_SOURCE_CHANGE);
  while ((await client.session.enumInput(0))?.status !== 0) await client.session.nextEvent();
  await client.configure();
  await client.start();
}

describe('a camera of raw frames behind a daemon', () => {
  it.each(['command', 'fifo', 'socket'] as const)('is one that streams, and that conforms: %s', async (kind) => {
    const mark = folder();
    const path = join(mark, 'frames');
    const daemon = await serve({ [kind]: kind === 'command' ? command(mark) : path, size: '64x48' });
    const client = await guest(daemon.socket('raw'));
    if (kind !== 'command') {
      expect(await errnoOf(client.configure())).toBe(Errno.ENODEV);
      produce(`${kind}:${path}`);
    }
    await started(client);
    for (let i = 0; i < 5; i++) {
      const frame = await client.next();
      expect([frame.error, frame.planes[0]?.length, new Set(frame.planes[0]).size]).toEqual([false, 64 * 48 * 1.5, 1]);
    }
    await client.close();
    await leaving.get(client)?.();
    const probed = await runCommand(['probe', daemon.socket('raw')], daemon.folder);
    expect([probed.status, probed.stdout]).toEqual([0, expect.stringContaining('YU12 64x48')]);
    const checked = await runCommand(['check', daemon.socket('raw')], daemon.folder);
    expect([checked.status, checked.stdout]).toEqual([0, expect.stringContaining(' 0 failed')]);
    expect(await daemon.stop()).toBe(0);
    await expect.poll(() => processesOf(`${mark} `)).toEqual([]);
  });

  it('is what comes on standard input, and gone for ever when that ends', async () => {
    const socket = join(folder(), 's');
    const daemon = spawn(process.execPath, [ENTRY, 'serve', '--camera', socket, '--source', '-', '--log', 'silent'], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    cleanups.push(() => daemon.kill('SIGKILL'));
    await once(daemon.stdout, 'data');
    const producer = produce('-');
    producer.stdout?.pipe(daemon.stdin);
    daemon.stdin.on('error', () => {});
    const client = await guest(socket);
    await started(client);
    expect((await client.next()).planes[0]?.length).toBe(64 * 48 * 1.5);
    await client.stop();
    const change = client.session.nextEvent();
    producer.kill('SIGKILL');
    await change;
    expect(await errnoOf(client.start())).toBe(Errno.ENODEV);
    await client.close();
    await leaving.get(client)?.();
    const checked = await runCommand(['probe', socket], tmpdir());
    expect(checked.status).toBe(0);
    daemon.kill('SIGTERM');
    expect(await once(daemon, 'exit')).toEqual([0, null]);
  });

  it('tells a guest that the frames of a command are others than the configuration says, which then streams them', async () => {
    const daemon = await serve({ command: command(folder(), 'frames', '96x64'), format: 'frames', size: '64x48' });
    const client = await guest(daemon.socket('raw'));
    await client.session.subscribeEvent(V4L2_EVENT_SOURCE_CHANGE);
    await client.configure({ pixelformat: V4L2_PIX_FMT_YUV420 });
    await client.start();
    await client.session.nextEvent();
    await client.stop();
    await client.session.reqbufs(CAPTURE, 0);
    expect((await client.configure()).layout).toMatchObject({ width: 96, height: 64 });
    await client.start();
    expect(await client.next()).toMatchObject({ error: false, planes: [{ length: 96 * 64 * 1.5 }] });
    expect(daemon.log).not.toContain('a command that brings raw frames ended');
  });

  it('ends its command, and what that started, when the daemon is killed', async () => {
    const mark = folder();
    const script = `trap "" TERM HUP; sleep 1000 & "$@" & wait; : ${mark} x`;
    const daemon = await serve({ command: ['/bin/sh', '-c', script, 'sh', ...command(mark)], size: '64x48' });
    const client = await guest(daemon.socket('raw'));
    await started(client);
    await client.next();
    expect(processesOf(`${mark} `).length).toBeGreaterThan(0);
    process.kill(daemon.pid, 'SIGKILL');
    await expect.poll(() => processesOf(`${mark} `)).toEqual([]);
  });

  it('starts and ends without a writer of its FIFO', async () => {
    const path = join(folder(), 'frames');
    const daemon = await serve({ fifo: path });
    expect(await daemon.stop()).toBe(0);
    expect(readdirSync(daemon.folder)).toEqual(['config.yaml']);
  });

  it('does not keep the guest of another camera waiting, however much its producer floods', async () => {
    const path = join(folder(), 'frames');
    const sources = { raw: { fifo: path, size: '640x480' } } as ConfigInput['sources'];
    const daemon = await DaemonProcess.start(
      [
        { kind: 'camera', name: 'flooded', source: 'raw' },
        { kind: 'camera', name: 'other' },
      ],
      { sources },
    );
    cleanups.push(() => daemon[Symbol.asyncDispose]());
    produce(`fifo:${path}`, 'y4m', '640x480', 0);
    const [flooded, other] = [await guest(daemon.socket('flooded')), await guest(daemon.socket('other'))];
    await started(flooded);
    await other.configure({ width: 640, height: 480 });
    await other.start();
    const flood = async (): Promise<number> => {
      for (let i = 0; i < 100; i++) expect((await flooded.next()).error).toBe(false);
      return 100;
    };
    const calm = async (): Promise<number> => {
      for (let i = 0; i < 60; i++) expect((await other.next()).error).toBe(false);
      return 60;
    };
    expect(await Promise.all([flood(), calm()])).toEqual([100, 60]);
  });

  it('shows the pictures of a film that a program decodes, byte for byte', async () => {
    const [width, height, count] = [96, 64, 10];
    const md5 = (bytes: Uint8Array): string => createHash('md5').update(bytes).digest('hex');
    const expected = new CopyingConsumer();
    {
      await using source = new SharedSource(await openMediaFile(FILM));
      const layout = pictureLayout(V4L2_PIX_FMT_YUV420, width, height);
      if (layout === undefined) throw new TypeError('no layout');
      using _stream = source.start({ layout, interval: { numerator: 1, denominator: 60 } }, expected);
      // One picture may be shown twice, or left out, on a machine that is busy: the film as a set.
      await expected.until(60);
    }
    const known = new Set(expected.frames.map(({ bytes }) => md5(bytes)));
    const program = [process.execPath, '--no-warnings', FILM_PROGRAM, FILM, `${width}x${height}`, '1000'];
    const daemon = await serve({ command: program, size: `${width}x${height}`, fps: 60, lossless: true });
    const client = await guest(daemon.socket('raw'));
    await client.configure({ pixelformat: V4L2_PIX_FMT_YUV420, width, height });
    await client.start();
    const seen = new Set<string>();
    for (let i = 0; i < count; i++) {
      const { planes, error } = await client.next();
      expect(error).toBe(false);
      seen.add(md5(planes[0] ?? new Uint8Array(0)));
    }
    expect([...seen].filter((sum) => !known.has(sum))).toEqual([]);
    expect(seen.size).toBeGreaterThan(2);
  });
});

describe('examples/frames-producer.ts', () => {
  it('is a camera, in its own format and in others', async () => {
    const path = join(folder(), 'frames');
    const daemon = await serve({ socket: path, format: 'frames', size: '320x240', 'pixel-format': 'GREY' });
    run(EXAMPLE, path);
    const client = await guest(daemon.socket('raw'));
    await started(client);
    const [first, second] = [await client.next(), await client.next()];
    expect(new Set(first.planes[0]).size).toBe(1);
    expect([first.planes[0]?.length, second.sequence > first.sequence]).toEqual([320 * 240, true]);
    await client.stop();
    const other = { pixelformat: V4L2_PIX_FMT_NV12, width: 160, height: 120 };
    expect((await client.configure(other)).layout).toMatchObject({ fourcc: V4L2_PIX_FMT_NV12, width: 160, height: 120 });
    await client.start();
    expect([...((await client.next()).planes[0]?.subarray(160 * 120) ?? [])]).toEqual(Array(160 * 60).fill(128));
  });

  it('knows the header of docs/RAW-FRAMES.md, and has at most 30 lines', () => {
    const text = readFileSync(EXAMPLE, 'utf8').trimEnd();
    expect(text.split('\n').length).toBeLessThanOrEqual(30);
    expect(V4L2_PIX_FMT_GREY).toBe(Buffer.from('GREY').readUInt32LE());
  });
});
