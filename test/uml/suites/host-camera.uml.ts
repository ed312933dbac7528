// SPDX-License-Identifier: Apache-2.0
/** Cameras of the machine, which vivid plays: what guests see of one that our daemon shows. */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { REPOSITORY } from '../../vm/lab/index.ts';
import { UmlHost } from '../harness/index.ts';
import { videoNodes } from './nodes.ts';

const TIMEOUT = 600_000;

describe.each([
  { title: 'single-planar', multiplanar: 1 },
  { title: 'multi-planar', multiplanar: 2 },
])('a $title camera of the machine', ({ multiplanar }) => {
  let host: UmlHost;
  let node: string;
  const tell = async (story: string, ...args: string[]) =>
    JSON.parse(
      await host.must(`node ${join(REPOSITORY, 'test/uml/inside/host-camera.ts')} ${node} ${story} ${args.join(' ')}`, TIMEOUT),
    );

  beforeAll(async () => {
    const module = `vivid n_devs=1 node_types=0x1 num_inputs=1 input_types=0x0 multiplanar=${multiplanar}`;
    host = await UmlHost.boot({ modules: [module], memoryMiB: 1536 });
    node = (await videoNodes(host, 'vivid-000-vid-cap'))['vivid-000-vid-cap'] ?? '';
    // A picture that stands still, without the time in it.
    await host.must(`v4l2-ctl -d ${node} -c osd_text_mode=2`);
  });
  afterAll(() => host?.[Symbol.asyncDispose]());

  it.each([
    ['YUYV', 640, 360],
    ['NV12', 1280, 720],
    ['422P', 640, 360],
    ['RGB3', 320, 180],
    ...(multiplanar === 2 ? [['NM12', 640, 360] as const] : []),
  ] as const)('has frames in %s %ix%i that are those of its node, byte for byte', async (format, width, height) => {
    const told = await tell('frames', format, String(width), String(height), '/run/ours');
    expect(told).toEqual({ ordered: true, asked: true });
    const set = `--set-fmt-video=width=${width},height=${height},pixelformat=${format}`;
    await host.must(`v4l2-ctl -d ${node} ${set} --stream-mmap --stream-skip=2 --stream-count=1 --stream-to=/run/own`);
    const [ours, own] = (await host.must('md5sum /run/ours /run/own')).split('\n').map((line) => line.split(' ')[0]);
    expect(ours).toBe(own);
  });

  it('is open while somebody streams, and goes on for the others when the first stops', async () => {
    expect(await tell('share')).toEqual({ idle: 0, streaming: true });
  });

  it('rises to the size that a second guest asks for, whose frames are those of its node, and the first guest goes on', async () => {
    expect(await tell('rise', '/run/ours')).toEqual({ counted: true, later: true, errors: 0 });
    const set = '--set-fmt-video=width=1280,height=720,pixelformat=YUYV';
    await host.must(`v4l2-ctl -d ${node} ${set} --stream-mmap --stream-skip=2 --stream-count=1 --stream-to=/run/own`);
    const [ours, own] = (await host.must('md5sum /run/ours /run/own')).split('\n').map((line) => line.split(' ')[0]);
    expect(ours).toBe(own);
  });

  it('has its controls in the guest, where what another program sets is heard, and the second guest is refused', async () => {
    const told = await tell('controls');
    expect(told.names).toEqual(
      expect.arrayContaining(['Brightness', 'Contrast', 'Horizontal Flip', 'Test Pattern', 'Integer Menu']),
    );
    expect(told).toMatchObject({ idle: 77, other: 'VIDIOC_S_CTRL: EBUSY', heard: 33, streaming: 99 });
  });

  it('ends the streams of all guests when it is unplugged, and is there again when it is back', async () => {
    const told = await tell('unplug');
    expect(told).toMatchObject({ away: 'VIDIOC_STREAMON: ENODEV', openWhileAway: 0, back: true });
    // The flag comes with the buffers that the camera had; who queues one after that gets the errno.
    for (const end of told.ends) expect(end).toMatch(/^(error flag|VIDIOC_QBUF: EIO)$/);
  });

  it('stays there with `absent: no-signal`: both guests film on while it is unplugged, and see it again', async () => {
    expect(await tell('stay')).toEqual({ errors: 0, rising: true, openWhileAway: 0 });
  });

  it('is told in the log to be used by another program, and can be used when that has ended', async () => {
    expect((await tell('busy')).log).toBeGreaterThan(0);
  });

  it('leaves nothing behind after 200 starts', async () => {
    const { before, after } = await tell('starts');
    // A start has a descriptor and eleven mappings: fewer than one in ten would show.
    expect(after.fds - before.fds, JSON.stringify({ before, after })).toBeLessThan(20);
    expect(after.maps - before.maps, JSON.stringify({ before, after })).toBeLessThan(200);
  });
});
