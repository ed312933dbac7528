// SPDX-License-Identifier: Apache-2.0
import { cpSync } from 'node:fs';
import { basename, join, relative } from 'node:path';
import { hostPictures, rawMd5s } from '../suites/reference.ts';
import type { VmRig } from '../suites/rig.ts';
import { compare, type DemoLine } from './part.ts';
import { writeSheet } from './picture-file.ts';

/** A stream for the demonstration: its size, and the codec as ffmpeg's V4L2 decoders are named. */
export interface DemoStream {
  readonly path: string;
  readonly codec: string;
  readonly width: number;
  readonly height: number;
}

/** Decodes a stream in the guest with ffmpeg on the decoder device, and compares each picture with the host's own decode. */
export async function decodeInGuest(rig: VmRig, stream: DemoStream, out: string): Promise<DemoLine> {
  const { path, codec, width, height } = stream;
  cpSync(path, join(rig.guest.share, 'stream'));
  const started = performance.now();
  await rig.guest.must(
    `ffmpeg -nostdin -y -v error -flags unaligned -c:v ${codec}_v4l2m2m -i /mnt/stream -map 0:v:0 -noautoscale ` +
      `-fps_mode passthrough -pix_fmt yuv420p -f rawvideo /tmp/pictures && cp /tmp/pictures /mnt/${codec}.yuv`,
  );
  const millis = performance.now() - started;
  const raw = join(rig.guest.share, `${codec}.yuv`);
  const got = rawMd5s(raw, (width * height * 3) / 2);
  const png = join(out, `vm-${codec}.png`);
  writeSheet(raw, width, height, png);
  const judged = compare(got, await hostPictures(path, 'yuv420p'));
  return { what: `${basename(path)}, ffmpeg ${codec}_v4l2m2m`, ...judged, millis, picture: relative('.', png) };
}
