// SPDX-License-Identifier: Apache-2.0
/** The example of a source that somebody writes for himself. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CaptureClient, MediaDriver, V4L2_PIX_FMT_GREY, V4L2_PIX_FMT_NV12 } from '@paravideo/core';
import { afterEach, describe, expect, it } from 'vitest';
import { connectFrontend } from '../src/frontend/index.ts';

const EXAMPLE = fileURLToPath(new URL('../../../examples/own-source.ts', import.meta.url));

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0).reverse()) cleanup();
});

describe('examples/own-source.ts', () => {
  it('is a camera that a guest can stream, until a signal ends it', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'pv-own-'));
    cleanups.push(() => rmSync(folder, { recursive: true }));
    const socket = join(folder, 's');
    const daemon = spawn(process.execPath, [EXAMPLE, socket], { stdio: ['ignore', 'pipe', 'inherit'] });
    cleanups.push(() => daemon.kill('SIGKILL'));
    const [ready] = (await once(daemon.stdout, 'data')) as [Buffer];
    expect(ready.toString()).toMatch(/^ready\n/);
    const frontend = await connectFrontend(socket, { memoryBytes: 2 << 20 });
    const driver = await MediaDriver.attach(frontend);
    expect(driver.config.card).toBe('Dawn');
    const camera = await CaptureClient.open(driver);
    const { layout } = await camera.configure();
    expect(layout).toMatchObject({ fourcc: V4L2_PIX_FMT_GREY, width: 320, height: 240 });
    await camera.start();
    const [first, second] = [await camera.next(), await camera.next()];
    const grey = first.planes[0]?.[0] ?? 0;
    expect(first.planes[0]).toHaveLength(320 * 240);
    expect(first.planes[0]?.every((byte) => byte === grey)).toBe(true);
    expect([second.error, second.sequence > first.sequence, second.timestamp > first.timestamp]).toEqual([false, true, true]);
    await camera.stop();
    // What it does not bring itself is converted.
    const other = { pixelformat: V4L2_PIX_FMT_NV12, width: 160, height: 120 };
    expect((await camera.configure(other)).layout).toMatchObject({ fourcc: V4L2_PIX_FMT_NV12, width: 160, height: 120 });
    await camera.start();
    const [nv12] = (await camera.next()).planes;
    expect([...(nv12?.subarray(160 * 120) ?? [])]).toEqual(Array(160 * 60).fill(128));
    await camera.close();
    await frontend.close();
    daemon.kill('SIGTERM');
    expect(await once(daemon, 'exit')).toEqual([0, null]);
  });

  it('has at most 40 lines', () => {
    expect(readFileSync(EXAMPLE, 'utf8').trimEnd().split('\n').length).toBeLessThanOrEqual(40);
  });
});
