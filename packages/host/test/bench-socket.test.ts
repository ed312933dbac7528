// SPDX-License-Identifier: Apache-2.0
/** `paravideo bench SOCKET` against a back-end that is not ours: it takes what the device has. */
import { CaptureDevice, HeapAccess, type HeapArena, V4L2_PIX_FMT_YUYV } from '@paravideo/core';
import { SolidSource } from '@paravideo/core/testing';
import { expect, it } from 'vitest';
import { benchSocket } from '../src/cli/bench/index.ts';
import { LinuxClock } from '../src/clock/index.ts';
import { VhostRig } from './vhost-user-rig.ts';

it('bench measures a camera that has neither NV12 nor 1280x720', async () => {
  const clock = new LinuxClock();
  const source = new SolidSource({ clock, formats: [V4L2_PIX_FMT_YUYV] });
  await using rig = new VhostRig({
    device: ({ arena, memory }) => {
      const heap = { bytes: arena.mapping.bytes() } as unknown as HeapArena;
      return new CaptureDevice({ source, buffers: arena, access: new HeapAccess(heap, memory, memory.gate), clock });
    },
  });
  const ticking = setInterval(() => source.tick(), 5);
  try {
    const said: string[] = [];
    const report = await benchSocket(rig.path, rig.folder, (what) => said.push(what));
    expect(said).toEqual(['round trips', 'streaming']);
    expect(report.decoder).toBeUndefined();
    expect(report.ioctl.p50).toBeGreaterThan(0);
    const { frames = 0, width, height, damaged } = report.camera ?? {};
    expect([frames > 1, width, height, damaged]).toEqual([true, 128, 96, 0]);
  } finally {
    clearInterval(ticking);
  }
});
