// SPDX-License-Identifier: Apache-2.0
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hostPictures, rawMd5s } from './reference.ts';
import { FIXTURES, kernelComplaints, type Rig, startRig, TRANSPORTS } from './rig.ts';

/** 320x180, every picture different: what the cameras show, so that each frame that arrives can be named. */
const CLIP = join(FIXTURES, 'h264-b-frames.h264');
const FRAMES = 20;

/** V4L2's and ffmpeg's names of pixel formats whose bytes are laid out alike. */
const FORMATS = [
  ['NV12', 'nv12', 'camera'],
  ['YU12', 'yuv420p', 'camera'],
  ['NM12', 'nv12', 'planes'],
] as const;
const FRAME_BYTES = (320 * 180 * 3) / 2;

describe.each(TRANSPORTS)('a camera in a guest, over %s', (transport) => {
  let rig: Rig;
  beforeAll(async () => {
    rig = await startRig(
      [
        { kind: 'camera', name: 'camera', source: 'clip', size: '320x180', fps: 15 },
        { kind: 'camera', name: 'planes', source: 'clip', size: '320x180', fps: 15, planes: 'multi' },
      ],
      transport,
      { sources: { clip: { file: CLIP } } },
    );
  }, 600_000);
  afterAll(() => rig?.[Symbol.asyncDispose](), 60_000);

  /** Fails unless the file holds `FRAMES` frames of the clip, bit by bit, in its order. */
  const expectFrames = async (file: string, pixelFormat: string) => {
    const clip = await hostPictures(CLIP, pixelFormat);
    expect(new Set(clip).size).toBe(clip.length);
    const got = rawMd5s(join(rig.guest.share, file), FRAME_BYTES);
    expect(got).toHaveLength(FRAMES);
    const order = got.map((sum) => clip.indexOf(sum ?? ''));
    expect(order, 'each frame is one of the clip').not.toContain(-1);
    // a frame may be missed on a loaded machine, but time never goes back: once round the loop at most twice
    const turns = order.filter((at, i) => i > 0 && at <= (order[i - 1] ?? 0)).length;
    expect(turns, `order of the frames: ${order}`).toBeLessThanOrEqual(2);
  };

  describe.each(FORMATS)('%s', (fourcc, pixelFormat, device) => {
    it.each(['mmap', 'user'])('delivers the source’s bytes to --stream-%s', async (how) => {
      const file = `${fourcc}-${how}.raw`;
      await rig.guest.must(
        `v4l2-ctl -d ${rig.nodes[device]} --set-fmt-video=width=320,height=180,pixelformat=${fourcc} --stream-${how}=4 ` +
          `--stream-count=${FRAMES} --stream-to=/tmp/frames && cp /tmp/frames /mnt/${file}`,
      );
      await expectFrames(file, pixelFormat);
    });
  });

  it('delivers the source’s bytes to read()', async () => {
    await rig.guest.must(
      `v4l2-ctl -d ${rig.nodes.camera} --set-fmt-video=width=320,height=180,pixelformat=NV12 && ` +
        `dd if=${rig.nodes.camera} of=/tmp/frames bs=${FRAME_BYTES} count=${FRAMES} iflag=fullblock && cp /tmp/frames /mnt/read.raw`,
    );
    await expectFrames('read.raw', 'nv12');
  });

  it('shows the same source to two guests’ devices at once', async () => {
    const film = (device: string, fourcc: string) =>
      rig.guest.must(
        `v4l2-ctl -d ${rig.nodes[device]} --set-fmt-video=width=320,height=180,pixelformat=${fourcc} --stream-mmap=4 ` +
          `--stream-count=${FRAMES} --stream-to=/tmp/${device} && cp /tmp/${device} /mnt/${device}.raw`,
      );
    await Promise.all([film('camera', 'NV12'), film('planes', 'NM12')]);
    await expectFrames('camera.raw', 'nv12');
    await expectFrames('planes.raw', 'nv12');
  });

  it('leaves nothing in the kernel’s log', async () => expect(await kernelComplaints(rig.guest)).toEqual([]));
});
