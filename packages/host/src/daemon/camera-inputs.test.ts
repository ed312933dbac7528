// SPDX-License-Identifier: Apache-2.0
/** Guests of a daemon at a camera of which each chooses an input. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CaptureClient, MediaDriver, SourceControls, V4L2_CID_BRIGHTNESS, V4L2_PIX_FMT_GREY } from '@paravideo/core';
import { ToyCapture, toyModes } from '@paravideo/core/testing';
import { afterEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { connectFrontend } from '../frontend/index.ts';
import { Daemon } from './daemon.ts';
import { checkConfig } from './load-config.ts';
import { createLogger } from './logger.ts';

const cleanups: (() => void | Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** A camera of 64x48 grey pixels with one control. */
function toy(): ToyCapture {
  const controls = new SourceControls([
    { id: V4L2_CID_BRIGHTNESS, type: 'integer', name: 'Brightness', minimum: 0, maximum: 255, step: 1, default: 128 },
  ]);
  return Object.assign(new ToyCapture(toyModes([V4L2_PIX_FMT_GREY], [64, 48])), { controls });
}

const TOY = z.strictObject({ toy: z.enum(['front', 'desk']) });

describe('a camera with two inputs', () => {
  it('shows each guest what that guest chose, and gives it the controls of that', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'pv-inputs-'));
    cleanups.push(() => rmSync(folder, { recursive: true }));
    const toys = { front: toy(), desk: toy() };
    const socket = ['a', 'b'].map((name) => join(folder, name));
    const inputs = [
      { name: 'Front', source: 'front' },
      { name: 'Desk', source: 'desk' },
    ];
    const config = checkConfig(
      {
        sources: { front: { toy: 'front' }, desk: { toy: 'desk' } },
        devices: [{ kind: 'camera', name: 'camera', card: 'Room', socket, inputs, controls: 'locked' }],
      },
      { adapters: [{ kind: 'toy', settings: TOY, open: ({ toy: which }: { toy: 'front' | 'desk' }) => toys[which] }] },
    );
    const daemon = await Daemon.start(config, createLogger('silent'));
    cleanups.push(() => daemon[Symbol.asyncDispose]());
    const guests: CaptureClient[] = [];
    for (const path of socket) {
      const frontend = await connectFrontend(path);
      cleanups.push(() => frontend.close());
      guests.push(await CaptureClient.open(await MediaDriver.attach(frontend)));
    }
    const [one, two] = guests as [CaptureClient, CaptureClient];
    expect([await one.session.enumInput(0), await one.session.enumInput(1)]).toMatchObject([{ name: 'Front' }, { name: 'Desk' }]);
    await two.session.sInput(1);
    expect([await one.session.gInput(), await two.session.gInput()]).toEqual([0, 1]);
    await two.setControl(V4L2_CID_BRIGHTNESS, 3);
    expect([toys.front, toys.desk].map(({ controls }) => controls.get(V4L2_CID_BRIGHTNESS))).toEqual([128, 3]);
    for (const guest of guests) {
      await guest.configure({ pixelformat: V4L2_PIX_FMT_GREY });
      await guest.start();
    }
    toys.front.push(new Uint8Array(64 * 48).fill(1));
    toys.desk.push(new Uint8Array(64 * 48).fill(2));
    const pictures = await Promise.all(guests.map((guest) => guest.next()));
    expect(pictures.map(({ planes }) => planes[0]?.[0])).toEqual([1, 2]);
    for (const guest of guests) await guest.close();
    expect([toys.front.running, toys.desk.running]).toEqual([undefined, undefined]);
  });
});
