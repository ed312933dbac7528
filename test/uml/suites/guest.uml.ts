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
  beforeAll(async () => {
    daemon = await DaemonProcess.start([{ kind: 'camera', name: 'camera', card: 'camera', size: '320x240', fps: 15 }]);
    guest = await UmlHost.boot({ devices: [daemon.socket('camera')], modules: ['paravideo-media'] });
    node = (await videoNodes(guest, 'camera')).camera ?? '';
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

  it('has a camera that the compliance tool finds right, streaming included', () =>
    expectCompliance(guest, node, '-s10', 'camera over virtio_uml'));

  it('loses the driver and gets it again', async () => {
    await guest.must('rmmod paravideo_media');
    await guest.load('paravideo-media');
    node = (await videoNodes(guest, 'camera')).camera ?? '';
    await guest.must(`v4l2-ctl -d ${node} --stream-mmap --stream-count=5`);
  });
});
