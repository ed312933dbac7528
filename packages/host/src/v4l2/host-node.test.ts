// SPDX-License-Identifier: Apache-2.0
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { IOCTLS, VIDIOC_G_EXT_CTRLS } from '@paravideo/core';
import { describe, expect, it } from 'vitest';
import { openDescriptors } from '../sys/index.ts';
import { HostNode, requestOf } from './host-node.ts';

/** Numbers as <linux/videodev2.h> has them on a 64-bit machine. */
const CODES = {
  VIDIOC_QUERYCAP: 0x8068_5600,
  VIDIOC_G_FMT: 0xc0d0_5604,
  VIDIOC_QUERYBUF: 0xc058_5609,
  VIDIOC_DQBUF: 0xc058_5611,
  VIDIOC_STREAMON: 0x4004_5612,
  VIDIOC_S_CTRL: 0xc008_561c,
  VIDIOC_G_EXT_CTRLS: 0xc020_5647,
  VIDIOC_LOG_STATUS: 0x0000_5646,
  VIDIOC_DQEVENT: 0x8088_5659,
  VIDIOC_CREATE_BUFS: 0xc100_565c,
} as const;

describe('a V4L2 node of this machine', () => {
  it.each(Object.entries(CODES))('is asked %s by the number of the header', (name, code) => {
    const info = IOCTLS.find((each) => each.name === name);
    expect(info && requestOf(info)).toBe(code);
  });

  it('is refused where the file is no V4L2 device, and leaves no descriptor behind', () => {
    const folder = mkdtempSync(join(tmpdir(), 'paravideo-node-'));
    try {
      const path = join(folder, 'letter');
      writeFileSync(path, 'Dear');
      const before = openDescriptors();
      {
        using node = HostNode.open(path);
        expect(() => node.capability()).toThrow('VIDIOC_QUERYCAP: ENOTTY');
      }
      expect(openDescriptors()).toBe(before);
      expect(() => HostNode.open(join(folder, 'nothing'))).toThrow('ENOENT');
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('is not asked what is longer than its own struct, or is none of V4L2', async () => {
    using node = HostNode.open('/dev/null');
    expect(await node.ioctl(VIDIOC_G_EXT_CTRLS, new Uint8Array(33))).toEqual({ errno: 22, updated: false });
    expect(await node.ioctl(255, new Uint8Array(4))).toEqual({ errno: 25, updated: false });
  });
});
