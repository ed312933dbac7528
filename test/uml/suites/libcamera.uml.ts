// SPDX-License-Identifier: Apache-2.0
/** A camera of libcamera, which vimc plays: what guests see of it is what libcamera's own program gets. */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cacheFolder, REPOSITORY } from '../../vm/lab/index.ts';
import { UmlHost } from '../harness/index.ts';
import { setupUml } from '../lab/index.ts';
import { SEEN_BY_UDEV, showLibcamera } from './libcamera-host.ts';

const TIMEOUT = 600_000;

describe('a camera of libcamera', () => {
  let host: UmlHost;
  const tell = async (story: string, ...args: string[]) => {
    const words = args.map((arg) => `'${arg}'`).join(' ');
    return JSON.parse(
      await host.must(`node ${join(REPOSITORY, 'test/uml/inside/libcamera.ts')} 'Sensor B' ${story} ${words}`, TIMEOUT),
    );
  };

  beforeAll(async () => {
    const lab = await setupUml({ cache: cacheFolder() });
    host = await UmlHost.boot({ modules: ['vimc'], lab });
    await showLibcamera(host, lab);
    // A picture that stands still, without the time in it.
    await host.must(
      `sensor=$(basename $(dirname $(grep -lx 'Sensor B' /sys/class/video4linux/*/name))) && ` +
        'v4l2-ctl -d /dev/$sensor -c show_information=2',
    );
  });
  afterAll(() => host?.[Symbol.asyncDispose]());

  // vimc does not start in the other format that libcamera says it has.
  it.each([
    [320, 240],
    [640, 480],
  ])('has frames of %ix%i that are those of cam, byte for byte', async (width, height) => {
    const told = await tell('frames', 'RGB3', String(width), String(height), '/run/ours');
    expect(told).toEqual({ idle: 0, streaming: 1, ordered: true, rotation: 0, asked: true });
    await host.must(`cam -c 1 -C3 -s width=${width},height=${height},pixelformat=BGR888 --file=/run/own-#`);
    const [ours, own] = (await host.must('md5sum /run/ours $(ls /run/own-* | tail -1); rm /run/own-*'))
      .split('\n')
      .map((line) => line.split(' ')[0]);
    expect(ours).toBe(own);
  });

  it('ends the stream when cam is killed, and can be started again', async () => {
    expect((await tell('killed')).end).toMatch(/^(error flag|VIDIOC_QBUF: EIO)$/);
  });

  it('ends the stream when the camera is unplugged, and is there again when it is back', async () => {
    expect((await tell('unplug', SEEN_BY_UDEV)).end).toMatch(/^(error flag|VIDIOC_QBUF: EIO)$/);
  });
});
