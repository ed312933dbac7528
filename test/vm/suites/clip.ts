// SPDX-License-Identifier: Apache-2.0
/** A clip that a camera shows and of which each picture differs from the others, so that every frame that arrives can be named. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { hostPictures, rawMd5s } from './reference.ts';
import { FIXTURES, type VmRig } from './rig.ts';

export const CLIP = { path: join(FIXTURES, 'h264-b-frames.h264'), width: 320, height: 180, fps: 25 } as const;

/** The rate of the cameras that show the clip. */
export const CAMERA_FPS = 15;

/** Bytes of a frame in a 4:2:0 format. */
export const FRAME_BYTES = (CLIP.width * CLIP.height * 3) / 2;

/** How many frames `filmScript` films. */
export const FRAMES = 20;

/** A script that gives a node the clip's size and a pixel format; it fails where the node takes another. `out`: of its output queue. */
export function formatScript(node: string | undefined, fourcc: string, out = false): string {
  const format = `width=${CLIP.width},height=${CLIP.height},pixelformat=${fourcc}`;
  const queue = out ? 'video-out' : 'video';
  // the tool ends with 0 even where it says that a format is invalid
  return (
    `v4l2-ctl -d ${node} --set-fmt-${queue}=${format} && ` +
    `v4l2-ctl -d ${node} --get-fmt-${queue} | tr -d ' \\t\\n' | grep -q "Width/Height:${CLIP.width}/${CLIP.height}PixelFormat:'${fourcc}'"`
  );
}

/** How `filmScript` gets its frames: into buffers of the device, of the program, or of another device. */
export type Film = 'mmap' | 'user' | { readonly exporter: string };

/** A script that films a camera with v4l2-ctl, in V4L2's pixel format `fourcc`, into a file of the share, with its account of the frames beside it. */
export function filmScript(node: string | undefined, fourcc: string, file: string, how: Film = 'mmap'): string {
  const stream = typeof how === 'string' ? `--stream-${how}=4` : `--stream-dmabuf -E ${how.exporter}`;
  return (
    `${formatScript(node, fourcc)} && ` +
    `v4l2-ctl -d ${node} ${stream} --stream-count=${FRAMES} --stream-to=/tmp/${file} --verbose > /tmp/${file}.log 2>&1 && ` +
    `cp /tmp/${file} /tmp/${file}.log /mnt/`
  );
}

/** The sequence numbers in what `v4l2-ctl --verbose` says of the frames that it took out; undefined if it did not film. */
function sequenceNumbers(log: string): number[] | undefined {
  if (!existsSync(log)) return undefined;
  return Array.from(readFileSync(log, 'utf8').matchAll(/^\s*cap dqbuf: .*seq:\s*(\d+)/gm), ([, seq]) => Number(seq));
}

/**
 * Fails unless a file of the share holds `FRAMES` frames of the clip, bit by bit, in its order: time never goes back, so the clip
 * starts again no more often than the sequence numbers of what `filmScript` filmed say, which count what a loaded machine misses.
 * `pixelFormat`: ffmpeg's name.
 */
export async function expectClip(rig: VmRig, file: string, pixelFormat: string): Promise<void> {
  const clip = await hostPictures(CLIP.path, pixelFormat);
  expect(new Set(clip).size).toBe(clip.length);
  const path = join(rig.guest.share, file);
  const got = rawMd5s(path, FRAME_BYTES);
  expect(got).toHaveLength(FRAMES);
  const order = got.map((sum) => clip.indexOf(sum ?? ''));
  expect(order, 'each frame is one of the clip').not.toContain(-1);
  expect(new Set(order).size, `order of the frames: ${order}`).toBeGreaterThan(1);
  const numbers = sequenceNumbers(`${path}.log`);
  if (numbers === undefined) return;
  expect(numbers).toHaveLength(FRAMES);
  const pictures = ((Math.max(...numbers) - Math.min(...numbers)) * CLIP.fps) / CAMERA_FPS;
  const turns = order.filter((at, i) => i > 0 && at <= (order[i - 1] ?? 0)).length;
  const what = `order of the frames: ${order}, sequence numbers ${numbers}`;
  expect(turns, what).toBeLessThanOrEqual(1 + Math.ceil(pictures / clip.length));
}
