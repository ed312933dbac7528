// SPDX-License-Identifier: Apache-2.0
/** What guests of a daemon get of a camera that is quicker than they are. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { V4L2_BUF_TYPE_VIDEO_CAPTURE as CAPTURE, MediaDriver } from '@paravideo/core';
import { ToyCapture } from '@paravideo/core/testing';
import { describe, expect, it } from 'vitest';
import { connectFrontend } from '../frontend/index.ts';
import { Daemon } from './daemon.ts';
import { checkConfig } from './load-config.ts';
import { createLogger } from './logger.ts';

describe('the frames of a camera', () => {
  it.each([
    ['latest', [0, 3]],
    ['every', [0, 1, 2, 3]],
  ] as const)('are, with delivery: %s, %j for a guest that was busy for two of them', async (delivery, numbers) => {
    const folder = mkdtempSync(join(tmpdir(), 'pv-delivery-'));
    const socket = join(folder, 'camera');
    const toy = new ToyCapture();
    const config = checkConfig(
      { sources: { toy: { toy: null } }, devices: [{ kind: 'camera', name: 'camera', socket, source: 'toy', delivery }] },
      { adapters: [{ kind: 'toy', open: () => toy }] },
    );
    await using _daemon = await Daemon.start(config, createLogger('silent'));
    const frontend = await connectFrontend(socket, { memoryBytes: 2 << 20 });
    try {
      const session = await (await MediaDriver.attach(frontend)).open();
      await session.reqbufs(CAPTURE, 1);
      await session.qbuf({ index: 0, type: CAPTURE });
      await session.streamon(CAPTURE);
      toy.push(new Uint8Array(4));
      const got = [(await session.dqbuf(CAPTURE)).sequence];
      toy.push(new Uint8Array(4));
      toy.push(new Uint8Array(4));
      await session.qbuf({ index: 0, type: CAPTURE });
      toy.push(new Uint8Array(4));
      while (got.at(-1) !== 3) {
        got.push((await session.dqbuf(CAPTURE)).sequence);
        await session.qbuf({ index: 0, type: CAPTURE });
      }
      expect(got).toEqual(numbers);
    } finally {
      await frontend.close();
      rmSync(folder, { recursive: true });
    }
  });
});
