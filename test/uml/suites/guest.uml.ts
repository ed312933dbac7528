// SPDX-License-Identifier: Apache-2.0
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DaemonProcess } from '../../../packages/host/src/daemon/index.ts';
import { UmlHost } from '../harness/index.ts';
import { expectCompliance } from './compliance.ts';
import { videoNodes } from './nodes.ts';

describe('User-mode Linux as a guest', () => {
  let daemon: DaemonProcess;
  let guest: UmlHost;
  let node: string;
  let room: string;
  beforeAll(async () => {
    const inputs = [
      { name: 'Front', source: 'pattern' },
      { name: 'Desk', source: 'desk' },
    ];
    daemon = await DaemonProcess.start(
      [
        { kind: 'camera', name: 'camera', card: 'camera', size: '320x240', fps: 15 },
        { kind: 'camera', name: 'room', card: 'room', size: '320x240', fps: 15, inputs },
      ],
      { sources: { desk: { pattern: null } } },
    );
    guest = await UmlHost.boot({ devices: [daemon.socket('camera'), daemon.socket('room')], modules: ['paravideo-media'] });
    node = (await videoNodes(guest, 'camera')).camera ?? '';
    room = (await videoNodes(guest, 'room')).room ?? '';
  });
  afterAll(async () => {
    await guest?.[Symbol.asyncDispose]();
    await daemon?.[Symbol.asyncDispose]();
  });

  it('streams from the camera', async () => {
    const { status, stderr } = await guest.run(`v4l2-ctl -d ${node} --stream-mmap --stream-count=30`);
    expect([status, stderr.match(/</g)?.length], stderr).toEqual([0, 30]);
  });

  it('gets pictures, which are not all of one value', async () => {
    await guest.must(`v4l2-ctl -d ${node} --stream-mmap --stream-count=2 --stream-to=/mnt/frames`);
    const values = await guest.must('od -An -v -tu1 -w1 /mnt/frames | sort -n | uniq | wc -l');
    expect(Number(values)).toBeGreaterThan(10);
  });

  it('gets MJPG that ffmpeg decodes, finer where the quality is higher', async () => {
    const film = `v4l2-ctl -d ${node} --set-fmt-video=pixelformat=MJPG,width=640,height=360 --stream-mmap --stream-count=5`;
    const sizes: number[] = [];
    for (const quality of [20, 95]) {
      await guest.must(`v4l2-ctl -d ${node} -c compression_quality=${quality}; ${film} --stream-to=/mnt/film.mjpg`);
      const frames = await guest.must(
        'ffprobe -v error -f mjpeg -show_entries frame=pix_fmt,width,height -of csv=p=0 /mnt/film.mjpg',
      );
      expect(frames.trim().split('\n')).toEqual(Array.from({ length: 5 }, () => '640,360,yuvj420p'));
      sizes.push(Number(await guest.must('stat -c %s /mnt/film.mjpg')));
    }
    expect((sizes[1] ?? 0) / (sizes[0] ?? 1)).toBeGreaterThan(1.5);
    // What the driver says of the colours is what JPEG has.
    expect(await guest.must(`v4l2-ctl -d ${node} -V`)).toMatch(/Quantization\s+: .*Full Range/);
    await guest.must(`v4l2-ctl -d ${node} --set-fmt-video=pixelformat=YUYV,width=320,height=240`);
  });

  it('has a camera that the compliance tool finds right, streaming included', () =>
    expectCompliance(guest, node, '-s10', 'camera over virtio_uml'));

  it('chooses among the inputs of a camera, but not while there are buffers', async () => {
    const inputs = await guest.must(`v4l2-ctl -d ${room} --list-inputs`);
    expect([...inputs.matchAll(/Name\s*: (.*)/g)].map(([, name]) => name)).toEqual(['Front', 'Desk']);
    const mean = async (): Promise<number> => {
      await guest.must(`v4l2-ctl -d ${room} --stream-mmap --stream-count=1 --stream-to=/mnt/picture`);
      const sum = await guest.must('od -An -v -tu1 -w1 /mnt/picture | awk "{ sum += \\$1 } END { print sum / NR }"');
      return Number(sum);
    };
    await guest.must(`v4l2-ctl -d ${room} -v width=320,height=240,pixelformat=GREY`);
    const front = await mean();
    await guest.must(`v4l2-ctl -d ${room} -i 1 && v4l2-ctl -d ${room} -c brightness=255`);
    expect(await guest.must(`v4l2-ctl -d ${room} -I`)).toContain('Video input : 1 (Desk: ok)');
    expect(await guest.must(`v4l2-ctl -d ${room} -V`)).toContain('320/240');
    expect(await mean()).toBeGreaterThan(front + 20);
    await guest.must(`v4l2-ctl -d ${room} -i 0`);
    expect(await guest.must(`v4l2-ctl -d ${room} -C brightness`)).toContain('brightness: 128');
    expect(Math.abs((await mean()) - front)).toBeLessThan(10);
    const busy = await guest.run(
      `mkfifo /mnt/busy && { v4l2-ctl -d ${room} --stream-mmap --stream-to=/mnt/busy & streaming=$!; }
      exec 3< /mnt/busy && head -c 1 <&3 > /dev/null && v4l2-ctl -d ${room} -i 1; kill $streaming; wait`,
    );
    expect(busy.stdout + busy.stderr).toContain('Device or resource busy');
    expect(await guest.must(`v4l2-ctl -d ${room} -I`)).toContain('Video input : 0 (Front: ok)');
  });

  it('has a camera with two inputs that the compliance tool finds right, streaming from each', () =>
    expectCompliance(guest, room, '-s10 -a', 'camera with two inputs over virtio_uml'));

  it('loses the driver and gets it again', async () => {
    await guest.must('rmmod paravideo_media');
    await guest.load('paravideo-media');
    node = (await videoNodes(guest, 'camera')).camera ?? '';
    await guest.must(`v4l2-ctl -d ${node} --stream-mmap --stream-count=5`);
  });
});
