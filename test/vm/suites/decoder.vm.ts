// SPDX-License-Identifier: Apache-2.0
import { cpSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { frameMd5s, hostPictures } from './reference.ts';
import { FIXTURES, kernelComplaints, type Rig, startRig, TRANSPORTS, vectorsFolder } from './rig.ts';

/**
 * Streams with one even size that are shown from their first pixel: ffmpeg's V4L2 decoders use the width and height of the cropping
 * rectangle at most, never its left and top, and ffmpeg 7.1 waits for ever at a change of size that GStreamer gets through.
 */
const CARRIED = [
  ['h264-b-frames.h264', 'h264'],
  ['h264-interlaced.h264', 'h264'],
  ['hevc-b-frames.h265', 'hevc'],
] as const;

const GSTREAMER = ['h264-b-frames.h264', 'h264-interlaced.h264', 'h264-resized.h264'] as const;

/** What ffmpeg decodes of the vectors: cropped, resized and damaged streams apart. */
const VECTORS: Readonly<Record<string, { codec: string; matching: RegExp }>> = {
  h264: { codec: 'h264', matching: /^(?!CVFC1|Error|VID_).*\.(264|h264)$/ },
  hevc: { codec: 'hevc', matching: /\.h265$/ },
  vp8: { codec: 'vp8', matching: /(\.vp8|-00[1-79]\.ivf|-01[16]\.ivf)$/ },
  vp9: { codec: 'vp9', matching: /^test.*\.vp9$/ },
};

const vectors = vectorsFolder();
const vectorFiles = Object.entries(VECTORS).flatMap(([folder, { codec, matching }]) =>
  vectors === undefined
    ? []
    : readdirSync(join(vectors, folder))
        .filter((name) => matching.test(name))
        .map((name) => [name, codec, join(vectors, folder, name)] as const),
);

describe.each(TRANSPORTS)('a decoder in a guest, over %s', (transport) => {
  let rig: Rig;
  beforeAll(async () => {
    rig = await startRig([{ kind: 'decoder', name: 'decoder' }], transport);
    cpSync(FIXTURES, rig.guest.share, { recursive: true });
  }, 600_000);
  afterAll(() => rig?.[Symbol.asyncDispose](), 60_000);

  const withFfmpeg = async (file: string, codec: string) =>
    frameMd5s(
      await rig.guest.must(
        `ffmpeg -nostdin -v error -flags unaligned -c:v ${codec}_v4l2m2m -i /mnt/${file} -map 0:v:0 -noautoscale ` +
          '-fps_mode passthrough -pix_fmt yuv420p -f framemd5 -',
      ),
    );

  it.each(CARRIED)('decodes %s for ffmpeg’s %s_v4l2m2m to the host’s own pictures', async (file, codec) => {
    expect(await withFfmpeg(file, codec)).toEqual(await hostPictures(join(FIXTURES, file), 'yuv420p'));
  });

  it.each(GSTREAMER)('decodes %s for GStreamer’s v4l2h264dec to the host’s own pictures', async (file) => {
    const table = await rig.guest.must(
      `GST_REGISTRY=/tmp/registry gst-launch-1.0 -q filesrc location=/mnt/${file} ! h264parse ! v4l2h264dec ! ` +
        'videoconvert dither=none ! video/x-raw,format=I420 ! checksumsink hash=md5 sync=false',
    );
    expect(frameMd5s(table)).toEqual(await hostPictures(join(FIXTURES, file), 'yuv420p'));
  });

  it.skipIf(vectors === undefined).each(vectorFiles)('decodes the vector %s with %s_v4l2m2m', async (name, codec, path) => {
    cpSync(path, join(rig.guest.share, 'vector'));
    const got = await withFfmpeg('vector', codec);
    const want = await hostPictures(path, 'yuv420p');
    console.log(
      `${transport} ${name}: ${got.length} of ${want.length} pictures, ${got.join() === want.join() ? 'equal' : 'different'}`,
    );
    expect(got).toEqual(want);
  });

  it('decodes two streams at once', async () => {
    const [one, other] = await Promise.all([withFfmpeg('h264-b-frames.h264', 'h264'), withFfmpeg('hevc-b-frames.h265', 'hevc')]);
    expect(one).toEqual(await hostPictures(join(FIXTURES, 'h264-b-frames.h264'), 'yuv420p'));
    expect(other).toEqual(await hostPictures(join(FIXTURES, 'hevc-b-frames.h265'), 'yuv420p'));
  });

  it('leaves nothing in the kernel’s log', async () => expect(await kernelComplaints(rig.guest)).toEqual([]));
});
