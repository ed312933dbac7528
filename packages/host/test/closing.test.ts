// SPDX-License-Identifier: Apache-2.0
/** Descriptors whose closing takes for ever: a VMM that hands one over keeps its own socket, and nobody else, waiting. */
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { MediaDriver } from '@paravideo/core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { connectFrontend, connectVfioFrontend } from '../src/frontend/index.ts';
import { connectUnix, type Fd, send } from '../src/sys/index.ts';
import { lingeringSocket } from '../src/sys/testing/lingering-socket.ts';
import { Command } from '../src/transport/vfio-user/index.ts';
import { Request } from '../src/transport/vhost-user/index.ts';
import { Bare, region, u64 } from './bare-socket.ts';
import { atRest, backToRest, eventually, type OwnDaemon, serveWith } from './process-rig.ts';
import { BareVfio } from './vfio-user-rig.ts';

const SIZE = 1 << 20;
const releases: (() => void)[] = [];

/** A TCP connection with bytes that nobody reads, of which the last close waits for an hour, or until `release`. */
async function lingering(): Promise<{ fd: Fd; release: () => void }> {
  const accepted: Socket[] = [];
  const server = createServer({ pauseOnConnect: true }, (one) => accepted.push(one.on('error', () => {})));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const fd = lingeringSocket((server.address() as AddressInfo).port);
  await eventually(() => accepted.length === 1, 'the connection');
  const release = (): void => {
    for (const one of accepted) one.resetAndDestroy();
    server.close();
  };
  releases.push(release);
  return { fd, release };
}

describe('a daemon', () => {
  let daemon: OwnDaemon;
  beforeAll(async () => {
    daemon = await serveWith({
      devices: [
        { kind: 'camera', name: 'camera', socket: ['FOLDER/camera', 'FOLDER/victim'] },
        { kind: 'camera', name: 'pci', socket: 'FOLDER/pci', transport: 'vfio-user' },
      ],
    });
  });
  afterEach(() => {
    process.kill(daemon.pid, 'SIGCONT');
    for (const release of releases.splice(0)) release();
  });
  afterAll(() => daemon[Symbol.asyncDispose]());
  const path = (name: string) => join(daemon.folder, name);

  const WAYS = {
    'refused as memory, vhost-user': async (held: Fd) => {
      const bare = new Bare(path('camera'));
      await bare.negotiate();
      return {
        socket: 'camera',
        own: bare,
        hand: () => bare.message(Request.ADD_MEM_REG, region(0, SIZE, 0, 0), { fds: [held] }),
      };
    },
    'refused as memory, vfio-user': async (held: Fd) => {
      const bare = new BareVfio(path('pci'));
      await bare.greet();
      const hand = () => bare.message(Command.DMA_MAP, u64(32n | (3n << 32n), 0, 0, SIZE), { fds: [held] });
      return { socket: 'pci', own: bare, hand };
    },
    'sent by one who is turned away': async (held: Fd) => {
      let socket: Fd | undefined;
      const own = { [Symbol.dispose]: () => socket?.close() };
      const hand = () => {
        // Not before the daemon is stopped: it could turn it away, and the descriptor would stay here.
        socket = connectUnix(path('victim'));
        send(socket, Uint8Array.of(1, 0), [held]);
      };
      return { socket: 'victim', own, hand };
    },
  };

  it.each(Object.entries(WAYS))('is not kept waiting by a descriptor that is %s', async (_, prepare) => {
    await using victim = await connectFrontend(path('victim'), { memoryBytes: 2 << 20 });
    const driver = await MediaDriver.attach(victim);
    const { fd, release } = await lingering();
    const { socket: name, own, hand } = await prepare(fd);
    // Its last holder is the daemon, whose close is the one that waits.
    process.kill(daemon.pid, 'SIGSTOP');
    hand();
    fd.close();
    own[Symbol.dispose]();
    process.kill(daemon.pid, 'SIGCONT');
    for (let round = 0; round < 3; round++) {
      const session = await driver.open();
      expect(session.state).toBe('open');
      await session.close();
    }
    release();
    if (name !== 'victim') {
      const again = await (name === 'pci' ? connectVfioFrontend : connectFrontend)(path(name), { memoryBytes: 2 << 20 });
      expect((await (await MediaDriver.attach(again)).open()).state).toBe('open');
      await again.close();
    }
  });

  it('reads no more from a front-end that has handed over many of them, and has closed them all in the end', async () => {
    const held = await Promise.all(Array.from({ length: 20 }, lingering));
    const idle = await atRest(daemon.pid);
    const bare = new Bare(path('camera'));
    process.kill(daemon.pid, 'SIGSTOP');
    for (const { fd } of held) {
      bare.message(Request.SET_OWNER, new Uint8Array(0), { fds: Array.from({ length: 8 }, () => fd) });
      fd.close();
    }
    process.kill(daemon.pid, 'SIGCONT');
    await using victim = await connectFrontend(path('victim'), { memoryBytes: 2 << 20 });
    expect((await (await MediaDriver.attach(victim)).open()).state).toBe('open');
    await victim.close();
    bare[Symbol.dispose]();
    for (const { release } of held) release();
    await backToRest(daemon.pid, idle, 'after all was closed');
  });
});
