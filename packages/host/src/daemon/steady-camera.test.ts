// SPDX-License-Identifier: Apache-2.0
/** Guests of a daemon at a camera that stays there while its source is away, and at one whose source the host chooses. */
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  V4L2_BUF_TYPE_VIDEO_CAPTURE as CAPTURE,
  CaptureClient,
  MediaDriver,
  V4L2_IN_ST_NO_SIGNAL,
  V4L2_PIX_FMT_GREY,
} from '@paravideo/core';
import { ToyCapture, toyModes } from '@paravideo/core/testing';
import { afterEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { connectFrontend } from '../frontend/index.ts';
import type { ConfigInput } from './config.ts';
import { ConfigError } from './config-error.ts';
import { Daemon } from './daemon.ts';
import { checkConfig } from './load-config.ts';
import { createLogger } from './logger.ts';

const cleanups: (() => void | Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

const SIZE = [320, 240] as const;
const TOY = z.strictObject({ toy: z.enum(['front', 'desk']) });

/** A daemon with two toys to show, and a guest at the camera of this source. */
async function rig(sources: (folder: string) => NonNullable<ConfigInput['sources']>, source: string, absent?: string) {
  const folder = mkdtempSync(join(tmpdir(), 'pv-steady-'));
  cleanups.push(() => rmSync(folder, { recursive: true }));
  const modes = toyModes([V4L2_PIX_FMT_GREY], SIZE);
  const toys = { front: new ToyCapture(modes, absent), desk: new ToyCapture(modes) };
  const socket = join(folder, 'camera');
  const config = checkConfig(
    {
      sources: { desk: { toy: 'desk' }, ...sources(folder) },
      devices: [{ kind: 'camera', name: 'camera', socket, source }],
    },
    { adapters: [{ kind: 'toy', settings: TOY, open: ({ toy: which }: { toy: 'front' | 'desk' }) => toys[which] }] },
  );
  const daemon = await Daemon.start(config, createLogger('silent'));
  cleanups.push(() => daemon[Symbol.asyncDispose]());
  const frontend = await connectFrontend(socket);
  cleanups.push(() => frontend.close());
  const client = await CaptureClient.open(await MediaDriver.attach(frontend));
  cleanups.push(() => client.close());
  return { folder, toys, daemon, client };
}

/** What is in a picture: the value of every byte, or what it is if they are not all the same. */
function content(pixels: Uint8Array | undefined): number | 'sign' {
  const [first = -1] = pixels ?? [];
  return pixels?.every((byte) => byte === first) === true ? first : 'sign';
}

const picture = (value: number): Uint8Array => new Uint8Array(SIZE[0] * SIZE[1]).fill(value);

describe('a camera that stays there', () => {
  it('shows a picture of its own while its source is away, and has no signal; the source again when that is back', async () => {
    const { toys, client } = await rig(() => ({ front: { toy: 'front', absent: 'no-signal' } }), 'front');
    await client.configure({ pixelformat: V4L2_PIX_FMT_GREY });
    await client.start();
    const next = async () => {
      const { planes, error } = await client.next();
      return error ? 'error' : content(planes[0]);
    };
    toys.front.push(picture(1));
    expect(await next()).toBe(1);
    toys.front.vanish();
    expect((await client.session.enumInput(0))?.status).toBe(V4L2_IN_ST_NO_SIGNAL);
    for (let i = 0; i < 3; i++) expect(await next()).toBe('sign');
    toys.front.appear();
    let seen: Awaited<ReturnType<typeof next>> = 'sign';
    while (seen === 'sign') {
      toys.front.push(picture(2));
      seen = await next();
    }
    expect([seen, (await client.session.enumInput(0))?.status]).toEqual([2, 0]);
  });

  it('is there, with a list of sizes from 1280x720 on, though its source was never seen', async () => {
    const { toys, client } = await rig(() => ({ front: { toy: 'front', absent: 'no-signal' } }), 'front', 'not found yet');
    const { layout } = await client.configure({ pixelformat: V4L2_PIX_FMT_GREY });
    expect([layout.width, layout.height]).toEqual([1280, 720]);
    expect(await client.session.enumFramesizes(V4L2_PIX_FMT_GREY, 1)).toMatchObject({ width: 160, height: 120 });
    await client.start();
    expect(content((await client.next()).planes[0])).toBe('sign');
    // Its own pictures are smaller: a stream that runs keeps its size, and whoever begins has theirs.
    toys.front.appear();
    await client.stop();
    await client.session.reqbufs(CAPTURE, 0);
    expect(await client.session.gFmt(CAPTURE)).toMatchObject({ width: SIZE[0], height: SIZE[1] });
  });
});

describe('a source that was never seen', () => {
  it.each([
    ['a FIFO', (folder: string) => ({ fifo: join(folder, 'fifo'), size: '640x360', fps: 25, absent: 'no-signal' })],
    ['a stream of the network', () => ({ url: 'rtsp://127.0.0.1:9/none', size: '640x360', fps: 25 })],
  ])('has the size and rate that its configuration says: %s', async (_kind, source) => {
    const folder = mkdtempSync(join(tmpdir(), 'pv-unseen-'));
    cleanups.push(() => rmSync(folder, { recursive: true }));
    const socket = join(folder, 'camera');
    const devices = [{ kind: 'camera', name: 'camera', socket, source: 'far' }];
    const daemon = await Daemon.start(checkConfig({ sources: { far: source(folder) }, devices }), createLogger('silent'));
    cleanups.push(() => daemon[Symbol.asyncDispose]());
    const frontend = await connectFrontend(socket);
    cleanups.push(() => frontend.close());
    const client = await CaptureClient.open(await MediaDriver.attach(frontend));
    const { layout, interval } = await client.configure({});
    expect([layout.width, layout.height, interval]).toEqual([640, 360, { numerator: 1, denominator: 25 }]);
    await client.start();
    expect(content((await client.next()).planes[0])).toBe('sign');
    await client.close();
  });
});

describe('a camera whose source the host chooses', () => {
  it('goes over in the middle of a stream, and says which there are', async () => {
    const { toys, client, daemon } = await rig(
      () => ({ front: { toy: 'front' }, stage: { choice: ['front', 'desk'], size: SIZE.join('x'), card: 'Stage' } }),
      'stage',
    );
    const choice = daemon.choices.get('stage');
    expect([choice?.chosen, choice?.members]).toEqual(['front', ['front', 'desk']]);
    const { layout } = await client.configure({ pixelformat: V4L2_PIX_FMT_GREY });
    expect([layout.width, layout.height]).toEqual(SIZE);
    await client.start();
    toys.front.push(picture(1));
    expect(content((await client.next()).planes[0])).toBe(1);
    choice?.choose('desk');
    toys.desk.push(picture(2));
    expect(content((await client.next()).planes[0])).toBe(2);
    expect([toys.front.running, choice?.chosen]).toEqual([undefined, 'desk']);
    expect(() => choice?.choose('door')).toThrow(ConfigError);
  });

  it.each([
    ['contain', 16],
    ['cover', 200],
    ['stretch', 200],
  ] as const)('shows pictures of another shape as the fit of their source says: %s', async (fit, corner) => {
    const { toys, client } = await rig(
      () => ({ front: { toy: 'front', fit }, stage: { choice: ['front'], size: SIZE.join('x') } }),
      'stage',
    );
    toys.front.appear(toyModes([V4L2_PIX_FMT_GREY], [SIZE[0], SIZE[1] / 2]));
    await client.configure({ pixelformat: V4L2_PIX_FMT_GREY });
    await client.start();
    const pushing = setInterval(() => toys.front.push(new Uint8Array((SIZE[0] * SIZE[1]) / 2).fill(200)), 5);
    cleanups.push(() => clearInterval(pushing));
    const near = (byte: number | undefined, value: number): boolean => Math.abs((byte ?? -9) - value) < 3;
    let pixels: Uint8Array | undefined;
    // A converter that takes long to start has the picture without a signal before it.
    do pixels = (await client.next()).planes[0];
    while (!near(pixels?.[(SIZE[0] * SIZE[1]) / 2], 200));
    expect(near(pixels?.[0], corner), `a corner of ${pixels?.[0]}`).toBe(true);
  });

  it('follows a file that is written, or replaced, and leaves it alone while it says nothing that there is', async () => {
    const { folder, toys, client, daemon } = await rig(
      (at) => ({
        front: { toy: 'front' },
        stage: { choice: ['front', 'desk'], size: SIZE.join('x'), chosen: join(at, 'stage') },
      }),
      'stage',
    );
    const file = join(folder, 'stage');
    expect(await readFile(file, 'utf8')).toBe('front\n');
    await client.configure({ pixelformat: V4L2_PIX_FMT_GREY });
    await client.start();
    /** Pictures until there is one of this value, which the toys bring all the time. */
    const until = async (value: number): Promise<void> => {
      const pushing = setInterval(() => {
        toys.front.push(picture(1));
        toys.desk.push(picture(2));
      }, 5);
      try {
        while (content((await client.next()).planes[0]) !== value);
      } finally {
        clearInterval(pushing);
      }
    };
    writeFileSync(file, 'desk\n');
    await until(2);
    writeFileSync(file, 'door\n');
    writeFileSync(`${file}.new`, 'front');
    renameSync(`${file}.new`, file);
    await until(1);
    expect(daemon.choices.get('stage')?.chosen).toBe('front');
  });

  it('begins with what its file says, and refuses one that cannot be made', async () => {
    const stage = (chosen: string): NonNullable<ConfigInput['sources']> => ({
      front: { toy: 'front' },
      stage: { choice: ['front', 'desk'], chosen },
    });
    const { daemon } = await rig((folder) => {
      writeFileSync(join(folder, 'stage'), 'desk');
      return stage(join(folder, 'stage'));
    }, 'stage');
    expect(daemon.choices.get('stage')?.chosen).toBe('desk');
    await expect(rig((folder) => stage(join(folder, 'none', 'stage')), 'stage')).rejects.toThrow(
      /sources\.stage\.chosen: .* cannot be made \(ENOENT\)/,
    );
  });
});
