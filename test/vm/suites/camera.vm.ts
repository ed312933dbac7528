// SPDX-License-Identifier: Apache-2.0
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CAMERA_FPS, CLIP, expectClip, FRAME_BYTES, FRAMES, filmScript, formatScript } from './clip.ts';
import { kernelComplaints } from './kernel-log.ts';
import { startRig, TRANSPORTS, type VmRig } from './rig.ts';

/** V4L2's and ffmpeg's names of pixel formats whose bytes are laid out alike, and the camera that has them. */
const FORMATS = [
  ['NV12', 'nv12', 'camera'],
  ['YU12', 'yuv420p', 'camera'],
  ['NM12', 'nv12', 'planes'],
  ['YM12', 'yuv420p', 'planes'],
] as const;

describe.each(TRANSPORTS)('a camera in a guest, over %s', (transport) => {
  let rig: VmRig;
  beforeAll(async () => {
    rig = await startRig(
      [
        { kind: 'camera', name: 'camera', source: 'clip', size: '320x180', fps: CAMERA_FPS },
        { kind: 'camera', name: 'planes', source: 'clip', size: '320x180', fps: CAMERA_FPS, planes: 'multi' },
      ],
      transport,
      { sources: { clip: { file: CLIP.path } } },
    );
  }, 600_000);
  afterAll(() => rig?.[Symbol.asyncDispose](), 60_000);

  describe.each(FORMATS)('%s', (fourcc, pixelFormat, device) => {
    it.each(['mmap', 'user'] as const)('delivers the source’s bytes to --stream-%s', async (how) => {
      const file = `${fourcc}-${how}.raw`;
      await rig.guest.must(filmScript(rig.nodes[device], fourcc, file, how));
      await expectClip(rig, file, pixelFormat);
    });
  });

  it('delivers the source’s bytes to read()', async () => {
    await rig.guest.must(
      `${formatScript(rig.nodes.camera, 'NV12')} && ` +
        `dd if=${rig.nodes.camera} of=/tmp/frames bs=${FRAME_BYTES} count=${FRAMES} iflag=fullblock && cp /tmp/frames /mnt/read.raw`,
    );
    await expectClip(rig, 'read.raw', 'nv12');
  });

  it('shows the same source by two cameras at once', async () => {
    await Promise.all([
      rig.guest.must(filmScript(rig.nodes.camera, 'NV12', 'camera.raw')),
      rig.guest.must(filmScript(rig.nodes.planes, 'NM12', 'planes.raw')),
    ]);
    await expectClip(rig, 'camera.raw', 'nv12');
    await expectClip(rig, 'planes.raw', 'nv12');
  });

  it('leaves nothing in the kernel’s log', async () => expect(await kernelComplaints(rig.guest)).toEqual([]));
});
