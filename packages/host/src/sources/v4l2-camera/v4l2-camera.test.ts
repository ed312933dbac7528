// SPDX-License-Identifier: Apache-2.0
/** What can be said without a camera; with one: test/uml. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { V4L2_PIX_FMT_YUYV } from '@paravideo/core';
import { describe, expect, it } from 'vitest';
import { openV4l2Camera } from './v4l2-camera.ts';

const told: string[] = [];
const write = (_fields: object, text: string): void => void told.push(text);
const log = { debug: write, info: write, warn: write, error: write };

describe('a camera of this machine', () => {
  it('is absent while there is none, with modes that every webcam has', async () => {
    await using camera = await openV4l2Camera('/dev/no-such-camera', { log });
    expect(camera.absent).toBe('there is no camera /dev/no-such-camera on this machine');
    expect([camera.modes.formats, camera.modes.defaultSize]).toEqual([[V4L2_PIX_FMT_YUYV], { width: 640, height: 480 }]);
  });

  it('tells when something else stands at its path, and once only', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'paravideo-camera-'));
    const path = join(folder, 'video0');
    try {
      await using camera = await openV4l2Camera(path, { log, lookEvery: 5 });
      const heard = Promise.withResolvers<void>();
      let changes = 0;
      camera.watch(() => {
        changes++;
        heard.resolve();
      });
      writeFileSync(path, 'no camera');
      await heard.promise;
      expect(camera.absent).toBe(`${path}: it is no V4L2 device: correct \`device\` (VIDIOC_QUERYCAP: ENOTTY)`);
      const looks = told.length;
      await expect.poll(() => changes).toBe(1);
      expect(told.length).toBe(looks);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
