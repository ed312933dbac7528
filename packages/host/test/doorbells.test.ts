// SPDX-License-Identifier: Apache-2.0
/** Descriptors that a VMM gives as doorbells: which are taken, and that none of them can keep the daemon waiting. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { MediaDriver } from '@paravideo/core';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { connectFrontend, setIrqsPayload } from '../src/frontend/index.ts';
import { eventfd, Fd, memfd, setBlocking, signal, socketpair } from '../src/sys/index.ts';
import { IRQ_SET } from '../src/transport/vfio-user/index.ts';
import { Request } from '../src/transport/vhost-user/index.ts';
import { Bare, NONE, region, u32, u64 } from './bare-socket.ts';
import { eventually, type OwnDaemon, serveWith } from './process-rig.ts';
import { BareVfio } from './vfio-user-rig.ts';

const SIZE = 1 << 20;
const TRIGGER_EVENTFD = IRQ_SET.DATA_EVENTFD | IRQ_SET.TRIGGER;
const MSIX = 2;

/** An eventfd that holds as much as it can: who adds to it waits, if it may be waited for. */
function fullBell(): Fd {
  const bell = eventfd();
  writeSync(bell.number, u64(0xffff_ffff_ffff_fffen));
  return bell;
}

describe('a daemon that is given doorbells', () => {
  let daemon: OwnDaemon;
  let folder = '';
  let text = '';
  const opened: Fd[] = [];
  beforeEach(async () => {
    folder = mkdtempSync(join(process.cwd(), '.pv-bells-'));
    const config = {
      devices: [
        { kind: 'camera', name: 'camera', socket: ['FOLDER/camera', 'FOLDER/victim'] },
        { kind: 'camera', name: 'pci', socket: 'FOLDER/pci', transport: 'vfio-user' },
      ],
    };
    daemon = await serveWith(config, { stderr: 'pipe' });
    daemon.process.stderr?.on('data', (bytes: Buffer) => {
      text += bytes.toString();
    });
  });
  afterEach(async () => {
    for (const fd of opened.splice(0)) fd.close();
    await daemon[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true });
  });
  const socket = (name: string) => join(daemon.folder, name);
  const open = (path: string, flags: string): Fd => {
    const fd = Fd.adopt(openSync(path, flags));
    opened.push(fd);
    return fd;
  };

  async function stillServes(): Promise<void> {
    const victim = await connectFrontend(socket('victim'), { memoryBytes: 2 << 20 });
    expect((await (await MediaDriver.attach(victim)).open()).state).toBe('open');
    await victim.close();
  }

  it('refuses files of every kind, with the reason, and takes eventfds, pipes and sockets', async () => {
    // A pipe without a name: between two programs.
    const between = spawn('sh', ['-c', 'cat | sh -c "echo \\$\\$; exec cat"'], { stdio: ['pipe', 'pipe', 'ignore'] });
    const [printed] = await once(between.stdout, 'data');
    const pid = Number(String(printed));
    using _programs = {
      [Symbol.dispose]: () => {
        between.stdin.end();
        process.kill(pid);
      },
    };
    const pipe = open(`/proc/${pid}/fd/0`, 'r+');
    using bell = eventfd();
    using anonymous = memfd('bell', 4096);
    const [near, far] = socketpair();
    opened.push(near, far);
    const files: [string, Fd][] = [
      ['.pv-bells-', open(join(folder, 'disk'), 'w+')],
      ['/dev/zero', open('/dev/zero', 'r+')],
      ['memfd:bell', anonymous],
    ];
    using bare = new Bare(socket('camera'));
    await bare.negotiate();
    using pci = new BareVfio(socket('pci'));
    await pci.greet();
    const irqs = (fds: Fd[]) => pci.done('DEVICE_SET_IRQS', setIrqsPayload(TRIGGER_EVENTFD, MSIX, 0, fds.length), fds);
    for (const [name, fd] of files) {
      for (const request of ['SET_VRING_CALL', 'SET_VRING_ERR', 'SET_VRING_KICK', 'SET_BACKEND_REQ_FD'] as const) {
        text = '';
        const channel = request === 'SET_BACKEND_REQ_FD';
        expect(await bare.ack(Request[request], channel ? NONE : u64(0), [fd]), `${request} of ${name}`).toBe(1);
        await eventually(
          () =>
            text.includes(
              channel ? 'the back-end channel is a socket, not' : 'a doorbell is an eventfd, a pipe or a socket, not',
            ),
          () => `the reason: ${text}`,
        );
        expect(text).toContain('VU-V3');
        expect(text).toContain(name);
      }
      expect(await irqs([bell, fd]), `an interrupt of ${name}`).toBe(-22);
    }
    expect(await bare.ack(Request.SET_BACKEND_REQ_FD, NONE, [bell])).toBe(1);
    for (const fd of [bell, pipe, near]) {
      for (const request of ['SET_VRING_KICK', 'SET_VRING_CALL', 'SET_VRING_ERR'] as const)
        expect(await bare.ack(Request[request], u64(0), [fd]), request).toBe(0);
      expect(await irqs([fd])).toBe(0);
    }
    expect(await bare.ack(Request.SET_BACKEND_REQ_FD, NONE, [far])).toBe(0);
  });

  it('is not kept waiting by a doorbell that is full and made to block', async () => {
    using memory = memfd('ram', SIZE);
    using kick = eventfd();
    using err = fullBell();
    using bare = new Bare(socket('camera'));
    await bare.negotiate();
    expect(await bare.ack(Request.ADD_MEM_REG, region(0, SIZE, 0, 0), [memory])).toBe(0);
    expect(await bare.ack(Request.SET_VRING_NUM, u32(0, 16))).toBe(0);
    expect(await bare.ack(Request.SET_VRING_ADDR, new Uint8Array([...u32(0, 0), ...u64(0, 0x2000, 0x1000, 0)]))).toBe(0);
    expect(await bare.ack(Request.SET_VRING_BASE, u32(0, 0))).toBe(0);
    expect(await bare.ack(Request.SET_VRING_ERR, u64(0), [err])).toBe(0);
    expect(await bare.ack(Request.SET_VRING_KICK, u64(0), [kick])).toBe(0);
    expect(await bare.ack(Request.SET_VRING_ENABLE, u32(0, 1))).toBe(0);
    setBlocking(err);
    // An available index beyond the ring breaks it, and that is told to `err`.
    text = '';
    writeSync(memory.number, Uint8Array.of(0, 0, 17, 0), 0, 4, 0x1000);
    signal(kick);
    await eventually(
      () => text.includes('the ring is broken'),
      () => `the line about it: ${text}`,
    );
    await stillServes();
  });

  it('is not kept waiting by a doorbell of two rings that is made to block', async () => {
    using kick = eventfd();
    using bare = new Bare(socket('camera'));
    await bare.negotiate();
    for (const ring of [0, 1]) expect(await bare.ack(Request.SET_VRING_KICK, u64(ring), [kick])).toBe(0);
    setBlocking(kick);
    signal(kick);
    await stillServes();
    expect(await bare.ack(Request.SET_OWNER, NONE)).toBe(0);
  });

  it('is not kept waiting by an interrupt that is full and made to block', async () => {
    using bell = fullBell();
    using pci = new BareVfio(socket('pci'));
    await pci.greet();
    expect(await pci.done('DEVICE_SET_IRQS', setIrqsPayload(TRIGGER_EVENTFD, MSIX, 0, 1), [bell])).toBe(0);
    setBlocking(bell);
    const trigger = setIrqsPayload(IRQ_SET.DATA_NONE | IRQ_SET.TRIGGER, MSIX, 0, 1);
    expect(await pci.done('DEVICE_SET_IRQS', trigger)).toBe(0);
    await stillServes();
  });
});
