// SPDX-License-Identifier: Apache-2.0
/** An output of a real Linux guest: what its programs play arrives at the camera of another one. */
import { createHash, randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DaemonProcess } from '../../../packages/host/src/daemon/index.ts';
import { awaitScript } from '../../vm/harness/index.ts';
import { UmlHost } from '../harness/index.ts';
import { expectCompliance, expectCompliant, judge } from './compliance.ts';
import { videoNodes } from './nodes.ts';

const [WIDTH, HEIGHT] = [320, 240];
const FRAME = WIDTH * HEIGHT * 1.5;
const FORMAT = `width=${WIDTH},height=${HEIGHT},pixelformat=YU12`;
const md5 = (bytes: Uint8Array): string => createHash('md5').update(bytes).digest('hex');

describe('an output of User-mode Linux as a guest', () => {
  let daemon: DaemonProcess;
  let guest: UmlHost;
  let output: string;
  let camera: string;
  beforeAll(async () => {
    daemon = await DaemonProcess.start(
      [
        { kind: 'output', name: 'wall', card: 'wall', size: `${WIDTH}x${HEIGHT}` },
        { kind: 'camera', name: 'camera', card: 'camera', source: 'wall', delivery: 'every' },
      ],
      { sources: { wall: { output: 'wall' } } },
    );
    guest = await UmlHost.boot({
      devices: [daemon.socket('wall'), daemon.socket('camera')],
      modules: ['paravideo-media'],
    });
    output = (await videoNodes(guest, 'wall')).wall ?? '';
    camera = (await videoNodes(guest, 'camera')).camera ?? '';
  });
  afterAll(async () => {
    await guest?.[Symbol.asyncDispose]();
    await daemon?.[Symbol.asyncDispose]();
  });

  /** Plays with `play` and films meanwhile; the frames that the camera brought. */
  async function filmed(play: string, count: number): Promise<Uint8Array[]> {
    // The camera is there while the program plays.
    const there = awaitScript(`v4l2-ctl -d ${camera} --list-inputs | grep -q 'Status.*0x00000000'`);
    const film = `v4l2-ctl -d ${camera} --stream-mmap --stream-count=${count} --stream-to=/mnt/filmed`;
    await guest.must(
      `${play} >/mnt/played 2>&1 & player=$!; ${there}; ${film}; status=$?; kill $player; wait $player; exit $status`,
    );
    const bytes = readFileSync(join(guest.share, 'filmed'));
    expect(bytes.length, readFileSync(join(guest.share, 'played'), 'latin1')).toBe(count * FRAME);
    return Array.from({ length: count }, (_, i) => bytes.subarray(i * FRAME, (i + 1) * FRAME));
  }

  it('shows frames of v4l2-ctl byte by byte and in order at the camera', async () => {
    const frames = Array.from({ length: 7 }, () => randomBytes(FRAME));
    writeFileSync(join(guest.share, 'frames'), Buffer.concat(frames));
    const sums = frames.map(md5);
    const play = `v4l2-ctl -d ${output} --set-fmt-video-out=${FORMAT} --stream-out-mmap --stream-from=/mnt/frames --stream-loop`;
    const seen = (await filmed(play, 60)).map((frame) => sums.indexOf(md5(frame)));
    expect(seen).not.toContain(-1);
    expect(new Set(seen).size).toBe(frames.length);
    // A frame may be left out where the machine is slow; none comes twice or late.
    const steps = seen.slice(1).map((at, i) => (at - (seen[i] ?? 0) + frames.length) % frames.length);
    expect(steps).not.toContain(0);
  });

  it('shows what ffmpeg and GStreamer play: the picture of their own test source', async () => {
    const size = `${WIDTH}x${HEIGHT}`;
    const still = `testsrc=size=${size}:rate=30,format=yuv420p,trim=end_frame=1,loop=-1:1`;
    await guest.must(`ffmpeg -v error -f lavfi -i ${still} -frames:v 1 -f rawvideo -y /mnt/still 2>&1`);
    const picture = md5(readFileSync(join(guest.share, 'still')));
    const ffmpeg = `ffmpeg -v error -re -f lavfi -i ${still} -f v4l2 ${output}`;
    expect(new Set((await filmed(ffmpeg, 20)).map(md5))).toEqual(new Set([picture]));
    const caps = `video/x-raw,format=I420,width=${WIDTH},height=${HEIGHT},framerate=30/1`;
    const source = `videotestsrc pattern=smpte75 ! ${caps}`;
    await guest.must(
      `gst-launch-1.0 -q ${source.replace('pattern', 'num-buffers=1 pattern')} ! filesink location=/mnt/still 2>&1`,
    );
    const bars = md5(readFileSync(join(guest.share, 'still')));
    expect(bars).not.toBe(picture);
    const frames = await filmed(`gst-launch-1.0 -q ${source} ! v4l2sink device=${output}`, 20);
    expect(new Set(frames.map(md5))).toEqual(new Set([bars]));
  });

  it('is found right by the compliance tool, streaming included', () =>
    expectCompliance(guest, output, '-s10', 'output over virtio_uml'));

  it('has a camera that the compliance tool finds right, streaming included, while something is played', async () => {
    const there = awaitScript(`v4l2-ctl -d ${camera} --list-inputs | grep -q 'Status.*0x00000000'`);
    const play = `ffmpeg -v error -re -f lavfi -i testsrc=size=${WIDTH}x${HEIGHT}:rate=30,format=yuv420p -f v4l2 ${output}`;
    const { stdout, stderr } = await guest.run(
      `${play} >/mnt/played 2>&1 & player=$!; ${there}; ${judge(camera, '-s10')}; kill $player; wait $player`,
    );
    expectCompliant(
      stdout,
      'camera of an output over virtio_uml',
      `${stderr}${readFileSync(join(guest.share, 'played'), 'latin1')}`,
    );
  });
});
