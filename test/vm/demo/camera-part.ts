// SPDX-License-Identifier: Apache-2.0
import { join, relative } from 'node:path';
import { rawMd5s } from '../suites/reference.ts';
import type { VmRig } from '../suites/rig.ts';
import type { DemoLine } from './part.ts';
import { writeSheet } from './picture-file.ts';

const FRAMES = 24;

/** Films a camera that shows a clip with v4l2-ctl; every frame has to be one of the clip's, `pictures`, to the bit. */
export async function filmCamera(
  rig: VmRig,
  size: { width: number; height: number },
  pictures: readonly string[],
  out: string,
): Promise<DemoLine> {
  const { width, height } = size;
  const started = performance.now();
  await rig.guest.must(
    `v4l2-ctl -d ${rig.nodes.camera} --set-fmt-video=width=${width},height=${height},pixelformat=YU12 --stream-mmap=4 ` +
      `--stream-count=${FRAMES} --stream-to=/tmp/frames && cp /tmp/frames /mnt/camera.yuv`,
  );
  const millis = performance.now() - started;
  const raw = join(rig.guest.share, 'camera.yuv');
  const got = rawMd5s(raw, (width * height * 3) / 2);
  const equal = got.filter((sum) => sum !== undefined && pictures.includes(sum)).length;
  const png = join(out, 'vm-camera.png');
  writeSheet(raw, width, height, png);
  const verdict = equal === FRAMES && got.length === FRAMES ? 'equal' : 'different';
  return { what: `camera ${width}x${height}, v4l2-ctl`, frames: got.length, equal, millis, picture: relative('.', png), verdict };
}
