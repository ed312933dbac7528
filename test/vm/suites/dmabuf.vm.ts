// SPDX-License-Identifier: Apache-2.0
/** Buffers that two devices share: those of vivid filled by ours, and ours filled or shown by vivid. Nothing copies in between. */
import { cpSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CAMERA_FPS, CLIP, expectClip, FRAME_BYTES, FRAMES, filmScript, formatScript } from './clip.ts';
import { kernelComplaints } from './kernel-log.ts';
import { frameMd5s, hostPictures, rawMd5s } from './reference.ts';
import { startRig, TRANSPORTS, type VmRig } from './rig.ts';
import { loadVivid, loopScript, type VividNodes } from './vivid.ts';

/** V4L2's and ffmpeg's names of pixel formats whose bytes are laid out alike, the camera and the vivid that have them. */
const FORMATS = [
  ['NV12', 'nv12', 'camera', 'single'],
  ['YU12', 'yuv420p', 'camera', 'single'],
  ['NM12', 'nv12', 'planes', 'multi'],
  ['YM12', 'yuv420p', 'planes', 'multi'],
] as const;

/** Hours: a sink is ended when it has been looked at. */
const SHOWN_FRAMES = 1_000_000;
const SEEN_FRAMES = 40;

/** Milliseconds until a sink shows something: GStreamer looks at all of its plugins when it starts for the first time. */
const START_TIMEOUT = 400_000;

describe.each(TRANSPORTS)('buffers shared with another device, over %s', (transport) => {
  let rig: VmRig;
  let vivid: Awaited<ReturnType<typeof loadVivid>>;
  beforeAll(async () => {
    rig = await startRig(
      [
        { kind: 'camera', name: 'camera', source: 'clip', size: '320x180', fps: CAMERA_FPS },
        { kind: 'camera', name: 'planes', source: 'clip', size: '320x180', fps: CAMERA_FPS, planes: 'multi' },
        { kind: 'decoder', name: 'decoder' },
      ],
      transport,
      { sources: { clip: { file: CLIP.path } } },
    );
    vivid = await loadVivid(rig);
    cpSync(CLIP.path, join(rig.guest.share, 'clip'));
  }, 600_000);
  afterAll(() => rig?.[Symbol.asyncDispose](), 60_000);

  describe.each(FORMATS)('%s', (fourcc, pixelFormat, device, kind) => {
    it('delivers the source’s bytes to buffers of a capture device', async () => {
      const file = `import-${fourcc}.raw`;
      const { capture } = vivid[kind];
      await rig.guest.must(
        `${formatScript(capture, fourcc)} && ${filmScript(rig.nodes[device], fourcc, file, { exporter: capture })}`,
      );
      await expectClip(rig, file, pixelFormat);
    });

    it('lends its buffers to a capture device that fills them', async () => {
      const { capture } = vivid[kind];
      const [own, lent] = [`own-${fourcc}.raw`, `lent-${fourcc}.raw`];
      await rig.guest.must(
        [
          formatScript(rig.nodes[device], fourcc),
          filmScript(capture, fourcc, own),
          filmScript(capture, fourcc, lent, { exporter: rig.nodes[device] ?? '' }),
        ].join(' && '),
      );
      const want = rawMd5s(join(rig.guest.share, own), FRAME_BYTES);
      expect(new Set(readFileSync(join(rig.guest.share, own))).size, 'vivid shows colours').toBeGreaterThan(8);
      expect(new Set(want).size, 'vivid shows one picture').toBe(1);
      expect(rawMd5s(join(rig.guest.share, lent), FRAME_BYTES)).toEqual(want);
    });
  });

  it('delivers the source’s bytes to buffers of an output device', async () => {
    const { output } = vivid.single;
    const film = `v4l2-ctl -d ${rig.nodes.camera} --stream-dmabuf --stream-out-mmap -e ${output} --stream-count=${FRAMES}`;
    await rig.guest.must(
      `${loopScript(vivid.single, 'NV12')} && ${formatScript(rig.nodes.camera, 'NV12')} && ` +
        `${film} --stream-to=/tmp/output.raw && cp /tmp/output.raw /mnt/output.raw`,
    );
    await expectClip(rig, 'output.raw', 'nv12');
  });

  /** Fails unless vivid's capture shows pictures of the clip, bit by bit, while the command `show` sends them to its output. */
  async function expectShown(nodes: VividNodes, fourcc: string, pixelFormat: string, show: string): Promise<void> {
    await rig.guest.must(loopScript(nodes, fourcc));
    const clip = await hostPictures(CLIP.path, pixelFormat);
    const file = `shown-${fourcc}.raw`;
    const see = async (frames: number) => {
      await rig.guest.must(
        `v4l2-ctl -d ${nodes.capture} --stream-mmap --stream-count=${frames} --stream-to=/tmp/${file} && cp /tmp/${file} /mnt/${file}`,
      );
      return rawMd5s(join(rig.guest.share, file), FRAME_BYTES).map((sum) => clip.indexOf(sum ?? ''));
    };
    const showing = rig.guest.run(`echo $$ > /tmp/show; exec ${show}`);
    // until the first picture is shown there is noise
    const deadline = performance.now() + START_TIMEOUT;
    while (performance.now() < deadline && (await see(1)).includes(-1)) await rig.guest.must('sleep 0.5');
    const seen = await see(SEEN_FRAMES);
    await rig.guest.run('kill $(cat /tmp/show)');
    const { stdout, stderr } = await showing;
    expect(seen, `each frame is one of the clip; ${show}:\n${stdout}${stderr}`).not.toContain(-1);
    expect(seen).toHaveLength(SEEN_FRAMES);
    expect(new Set(seen).size, `frames: ${seen}`).toBeGreaterThan(3);
  }

  it('lends its buffers to an output device that shows them', async () => {
    const { camera } = rig.nodes;
    await rig.guest.must(formatScript(camera, 'NV12'));
    const show = `v4l2-ctl -d ${camera} --stream-mmap --stream-out-dmabuf -e ${vivid.single.output} --stream-count=${SHOWN_FRAMES}`;
    await expectShown(vivid.single, 'NV12', 'nv12', show);
  });

  // by GStreamer, as v4l2-ctl cannot queue buffers of several planes from one device to another, whichever they are
  it('lends buffers of several planes to an output device that shows them', () =>
    expectShown(
      vivid.multi,
      'NM12',
      'nv12',
      `env GST_REGISTRY=/tmp/registry gst-launch-1.0 v4l2src device=${rig.nodes.planes} io-mode=dmabuf num-buffers=${SHOWN_FRAMES} ! ` +
        `video/x-raw,format=NV12,width=${CLIP.width},height=${CLIP.height},framerate=15/1 ! ` +
        `v4l2sink device=${vivid.multi.output} io-mode=dmabuf-import sync=false`,
    ));

  it('exports decoded pictures as they are decoded', async () => {
    const table = await rig.guest.must(
      'GST_REGISTRY=/tmp/registry gst-launch-1.0 -q filesrc location=/mnt/clip ! h264parse ! v4l2h264dec capture-io-mode=dmabuf ! ' +
        'videoconvert dither=none ! video/x-raw,format=I420 ! checksumsink hash=md5 sync=false',
    );
    expect(frameMd5s(table)).toEqual(await hostPictures(CLIP.path, 'yuv420p'));
  });

  it('leaves nothing in the kernel’s log', async () => expect(await kernelComplaints(rig.guest)).toEqual([]));
});
