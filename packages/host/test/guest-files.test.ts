// SPDX-License-Identifier: Apache-2.0
/** Files that a VMM gives as guest memory: which are taken, and what becomes of one that is taken away. */
import { ftruncateSync, mkdtempSync, openSync, readdirSync, readlinkSync, rmSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { MediaDriver } from '@paravideo/core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectFrontend } from '../src/frontend/index.ts';
import { eventfd, Fd, memfd } from '../src/sys/index.ts';
import { Request } from '../src/transport/vhost-user/index.ts';
import { Bare, region, u32, u64 } from './bare-socket.ts';
import { eventually, type OwnDaemon, serveWith } from './process-rig.ts';
import { BareVfio } from './vfio-user-rig.ts';

const SIZE = 1 << 20;

/** A file that can be shrunk, in memory or on a disk, without a name. */
function file(folder: string, size = SIZE): Fd {
  const path = join(folder, `pv-file-${process.pid}-${Math.random()}`);
  const fd = openSync(path, 'wx+');
  unlinkSync(path);
  ftruncateSync(fd, size);
  return Fd.adopt(fd);
}

describe('a daemon', () => {
  let daemon: OwnDaemon;
  let text = '';
  let disk = '';
  beforeAll(async () => {
    disk = mkdtempSync(join(process.cwd(), '.pv-disk-'));
    const config = {
      devices: [
        { kind: 'camera', name: 'camera', socket: ['FOLDER/camera', 'FOLDER/victim'] },
        { kind: 'camera', name: 'any', socket: 'FOLDER/any', memory: 'any' },
        { kind: 'camera', name: 'pci', socket: 'FOLDER/pci', transport: 'vfio-user' },
      ],
    };
    daemon = await serveWith(config, { stderr: 'pipe' });
    daemon.process.stderr?.on('data', (bytes: Buffer) => {
      text += bytes.toString();
    });
  });
  afterAll(async () => {
    await daemon[Symbol.asyncDispose]();
    rmSync(disk, { recursive: true });
  });
  const socket = (name: string) => join(daemon.folder, name);

  it('survives that guest memory is shrunk, and ends that guest alone', async () => {
    const victim = await connectFrontend(socket('victim'), { memoryBytes: 2 << 20 });
    const driver = await MediaDriver.attach(victim);
    for (let round = 0; round < 3; round++) {
      text = '';
      using memory = file('/dev/shm');
      using kick = eventfd();
      using bare = new Bare(socket('camera'));
      await bare.negotiate();
      expect(await bare.ack(Request.ADD_MEM_REG, region(0, SIZE, 0, 0), [memory])).toBe(0);
      expect(await bare.ack(Request.SET_VRING_NUM, u32(0, 16))).toBe(0);
      expect(await bare.ack(Request.SET_VRING_ADDR, new Uint8Array([...u32(0, 0), ...u64(0, 0x2000, 0x1000, 0)]))).toBe(0);
      expect(await bare.ack(Request.SET_VRING_BASE, u32(0, 0))).toBe(0);
      expect(await bare.ack(Request.SET_VRING_KICK, u64(0), [kick])).toBe(0);
      ftruncateSync(memory.number, 0);
      bare.message(Request.SET_VRING_ENABLE, u32(0, 1));
      await eventually(
        () => text.includes("a page of the guest's memory was not there"),
        () => `the line about it: ${text}`,
      );
      expect(text).toContain('guest memory is in a file that can be shrunk');
      const session = await driver.open();
      expect(session.state).toBe('open');
      await session.close();
    }
    await victim.close();
    expect(daemon.process.exitCode).toBeNull();
  });

  it('refuses a file on a disk with the remedy, and takes it with `memory: any`', async () => {
    text = '';
    using memory = file(disk);
    using bare = new Bare(socket('camera'));
    await bare.negotiate();
    expect(await bare.ack(Request.ADD_MEM_REG, region(0, SIZE, 0, 0), [memory])).toBe(1);
    await eventually(
      () => text.includes('share a memfd'),
      () => `the remedy: ${text}`,
    );
    using any = new Bare(socket('any'));
    await any.negotiate();
    expect(await any.ack(Request.ADD_MEM_REG, region(0, SIZE, 0, 0), [memory])).toBe(0);
    using pci = new BareVfio(socket('pci'));
    await pci.greet();
    expect(await pci.done('DMA_MAP', u64(32n | (3n << 32n), 0, 0, SIZE), [memory])).toBe(-22);
  });

  it('bounds the memory that a guest announces, and lets another guest in all the same', async () => {
    using huge = memfd('huge', 3 * 2 ** 40);
    using bare = new Bare(socket('camera'));
    await bare.negotiate();
    expect(await bare.ack(Request.ADD_MEM_REG, region(0, 3 * 2 ** 40, 0, 0), [huge])).toBe(0);
    expect(await bare.ack(Request.ADD_MEM_REG, region(2 ** 43, 3 * 2 ** 40, 2 ** 43, 0), [huge])).toBe(1);
    using pci = new BareVfio(socket('pci'));
    await pci.greet();
    expect(await pci.done('DMA_MAP', u64(32n | (3n << 32n), 0, 0, 3 * 2 ** 40), [huge])).toBe(0);
    expect(await pci.done('DMA_MAP', u64(32n | (3n << 32n), 0, 2 ** 43, 3 * 2 ** 40), [huge])).toBe(-22);
    const victim = await connectFrontend(socket('victim'), { memoryBytes: 2 << 20 });
    await victim.close();
  });

  it('takes a buffer of its own that a VMM announces as a region', async () => {
    using bare = new Bare(socket('camera'));
    await bare.negotiate();
    await bare.ack(Request.SET_OWNER, new Uint8Array(0));
    const own = readdirSync(`/proc/${daemon.pid}/fd`).find((entry) =>
      readlinkSync(`/proc/${daemon.pid}/fd/${entry}`).includes('memfd:paravideo-camera'),
    );
    using arena = Fd.adopt(openSync(`/proc/${daemon.pid}/fd/${own}`, 'r+'));
    expect(await bare.ack(Request.ADD_MEM_REG, region(0, SIZE, 0, 0), [arena])).toBe(0);
  });
});
