// SPDX-License-Identifier: Apache-2.0
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FIXTURES, kernelComplaints, loadDriver, type Rig, startRig, TRANSPORTS } from './rig.ts';

const FILM = '--stream-mmap=4 --stream-count=10 --stream-to=/dev/null';

describe.each(TRANSPORTS)('what a guest may do to its driver, over %s', (transport) => {
  let rig: Rig;
  beforeAll(async () => {
    rig = await startRig(
      [
        { kind: 'camera', name: 'camera', size: '320x240' },
        { kind: 'decoder', name: 'decoder' },
      ],
      transport,
      { reboot: true, kernelWords: ['slub_debug=FZPU'] },
    );
    cpSync(join(FIXTURES, 'h264-b-frames.h264'), join(rig.guest.share, 'clip.h264'));
  }, 600_000);
  afterAll(() => rig?.[Symbol.asyncDispose](), 60_000);

  const films = () => rig.guest.must(`v4l2-ctl -d ${rig.nodes.camera} ${FILM}`);

  it('opens and closes 1000 times', async () => {
    await rig.guest.must(`i=0; while [ $i -lt 1000 ]; do : < ${rig.nodes.decoder}; i=$((i+1)); done`);
    await films();
  });

  it('kills a streaming program 30 times', async () => {
    await rig.guest.must(
      `i=0; while [ $i -lt 30 ]; do v4l2-ctl -d ${rig.nodes.camera} --stream-mmap=4 > /dev/null 2>&1 & p=$!; sleep 0.$((i % 10 + 1)); ` +
        'kill -9 $p; wait $p; i=$((i+1)); done; true',
    );
    await films();
  }, 300_000);

  it('kills a decoding program 10 times', async () => {
    await rig.guest.must(
      'i=0; while [ $i -lt 10 ]; do ffmpeg -nostdin -v quiet -stream_loop -1 -c:v h264_v4l2m2m -i /mnt/clip.h264 -f null - & ' +
        'p=$!; sleep 1.$((i % 10)); kill -9 $p; wait $p; i=$((i+1)); done; true',
    );
    await films();
  }, 300_000);

  it('gives a buffer’s memory back', async () => {
    // Freed single pages wait in lists of each processor, up to some 50 MiB, that MemAvailable does not count.
    const available = async () => {
      const text = await rig.guest.must('sync; echo 3 > /proc/sys/vm/drop_caches; cat /proc/meminfo /proc/zoneinfo');
      const waiting = [...text.matchAll(/^\s+count: +(\d+)$/gm)].reduce((pages, match) => pages + Number(match[1]), 0);
      return Number(/MemAvailable: +(\d+)/.exec(text)?.[1]) + 4 * waiting;
    };
    const filmTimes = async (times: number) => {
      for (let i = 0; i < times; i++) await films();
    };
    await filmTimes(5);
    const before = await available();
    await filmTimes(20);
    // the buffers of 20 programs are 9 MiB
    expect(before - (await available())).toBeLessThan(4096);
  }, 300_000);

  it('unloads and reloads the module', async () => {
    for (let i = 0; i < 5; i++) await rig.guest.must('rmmod paravideo-media && modprobe paravideo-media && sleep 0.5');
    Object.assign(rig.nodes, await loadDriver(rig.guest));
    await films();
  });

  it('leaves nothing in the kernel’s log', async () => expect(await kernelComplaints(rig.guest)).toEqual([]));

  it('reboots', async () => {
    await rig.guest.reboot();
    Object.assign(rig.nodes, await loadDriver(rig.guest));
    await films();
    expect(await kernelComplaints(rig.guest)).toEqual([]);
  }, 300_000);

  it.skipIf(transport === 'vfio-user')(
    'survives the death of the daemon: a program that films can be ended, the guest goes on',
    async () => {
      const filming = rig.guest.run(`timeout 10 v4l2-ctl -d ${rig.nodes.camera} --stream-mmap=4 > /dev/null 2>&1`);
      await new Promise((resolve) => setTimeout(resolve, 2000));
      process.kill(rig.daemon.pid, 'SIGKILL');
      await filming;
      await rig.guest.must('true');
      expect(await kernelComplaints(rig.guest)).toEqual([]);
    },
    300_000,
  );
});
