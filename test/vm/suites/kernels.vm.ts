// SPDX-License-Identifier: Apache-2.0
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CAMERA_FPS, CLIP, expectClip, filmScript, formatScript } from './clip.ts';
import { kernelComplaints } from './kernel-log.ts';
import { lab, startRig, type VmRig } from './rig.ts';
import { expectCompliance } from './verdict.ts';
import { loadVivid } from './vivid.ts';

/**
 * Kernels and architectures of programs. `PARAVIDEO_VM_KERNELS`: "all" for newer kernels, too, which are a large download; "none" where
 * the mirror has no second architecture.
 */
const kernels = process.env.PARAVIDEO_VM_KERNELS;
const GUESTS = [
  { kernel: '6.1', userland: 'i386' },
  { kernel: '6.1-686', userland: 'i386' },
  ...(kernels === 'all'
    ? ([
        { kernel: '6.12', userland: 'amd64' },
        { kernel: '7', userland: 'amd64' },
      ] as const)
    : []),
] as const;

describe.skipIf(kernels === 'none').each(GUESTS)(
  'the driver in Linux $kernel with $userland programs',
  ({ kernel, userland }) => {
    let rig: VmRig;
    beforeAll(async () => {
      rig = await startRig(
        [
          { kind: 'camera', name: 'camera', source: 'clip', size: '320x180', fps: CAMERA_FPS },
          { kind: 'camera', name: 'planes', source: 'clip', size: '320x180', fps: CAMERA_FPS, planes: 'multi' },
          { kind: 'decoder', name: 'decoder', codecs: ['h264', 'hevc', 'vp8', 'vp9', 'mpeg2'] },
        ],
        'vfio-user',
        { lab: await lab({ kernel, userland }), sources: { clip: { file: CLIP.path } } },
      );
    }, 600_000);
    afterAll(() => rig?.[Symbol.asyncDispose](), 60_000);

    describe.each([
      ['NV12', 'nv12', 'camera'],
      ['YM12', 'yuv420p', 'planes'],
    ])('%s', (fourcc, pixelFormat, device) => {
      it.each(['mmap', 'user'] as const)('delivers the source’s bytes to --stream-%s', async (how) => {
        const file = `${fourcc}-${how}.raw`;
        await rig.guest.must(filmScript(rig.nodes[device], fourcc, file, how));
        await expectClip(rig, file, pixelFormat);
      });

      it('delivers the source’s bytes to --stream-dmabuf', async () => {
        const exporter = (await loadVivid(rig))[device === 'planes' ? 'multi' : 'single'].capture;
        const file = `${fourcc}-dmabuf.raw`;
        await rig.guest.must(`${formatScript(exporter, fourcc)} && ${filmScript(rig.nodes[device], fourcc, file, { exporter })}`);
        await expectClip(rig, file, pixelFormat);
      });
    });

    it.each([
      ['camera', '-s5'],
      ['planes', '-s5'],
      ['decoder', ''],
    ])('lets the compliance tool find nothing wrong with its %s', (device, flags) => {
      return expectCompliance(rig, device, flags, `Linux ${kernel} ${userland}`);
    });

    it('leaves nothing in the kernel’s log', async () => expect(await kernelComplaints(rig.guest)).toEqual([]));
  },
);
