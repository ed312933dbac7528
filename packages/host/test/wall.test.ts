// SPDX-License-Identifier: Apache-2.0
/** A fault in what works for one guest ends that guest alone; half a message and silence do not keep a socket. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { MediaDriver, VIDIOC_S_INPUT } from '@paravideo/core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectFrontend, connectVfioFrontend, type Frontend, type VfioFrontend } from '../src/frontend/index.ts';
import { connectUnix, memfd, receive, send } from '../src/sys/index.ts';
import { eventually } from './process-rig.ts';
import { input } from './vhost-user-rig.ts';

const WAYS = ['a timer', 'an immediate', 'a microtask', 'a tick', 'a promise', 'a watch'];
const memory = { memoryBytes: 2 << 20 };

/** Connects until it is let in: who is silent keeps the place for a moment. */
async function comesIn<T>(connect: () => Promise<T>): Promise<T> {
  let guest: T | undefined;
  let trying = false;
  await eventually(() => {
    if (!trying && guest === undefined) {
      trying = true;
      void connect().then(
        (one) => {
          guest = one;
        },
        () => {
          trying = false;
        },
      );
    }
    return guest !== undefined;
  }, 'the place of the silent one');
  return guest as T;
}

describe('a daemon with a device that throws', () => {
  let folder = '';
  let text = '';
  let daemon: ReturnType<typeof spawn>;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'pv-wall-'));
    const script = fileURLToPath(new URL('./faulty-daemon.ts', import.meta.url));
    daemon = spawn(process.execPath, ['--conditions=paravideo-source', script, folder], { stdio: ['ignore', 'pipe', 'inherit'] });
    daemon.stdout?.on('data', (bytes: Buffer) => {
      text += bytes.toString();
    });
    await eventually(() => text.includes('ready') || daemon.exitCode !== null, 'the daemon');
  });
  afterAll(async () => {
    if (daemon.exitCode === null && daemon.kill('SIGKILL')) await once(daemon, 'exit');
    rmSync(folder, { recursive: true });
  });

  it.each(['vhost-user', 'vfio-user'] as const)(
    'loses that guest, with a line in the log, and no other: %s',
    async (transport) => {
      const victim = await connectFrontend(join(folder, 'b'), memory);
      const other = await (await MediaDriver.attach(victim)).open();
      for (const [way, name] of WAYS.entries()) {
        text = '';
        const path = join(folder, transport === 'vhost-user' ? 'a' : 'c');
        const guest = await (transport === 'vhost-user' ? connectFrontend(path, memory) : connectVfioFrontend(path, memory));
        const session = await (await MediaDriver.attach(guest)).open();
        void session.ioctl(VIDIOC_S_INPUT, input(way)).catch(() => {});
        await eventually(
          () => text.includes(`thrown from ${name}`),
          () => `the line about ${name}: ${text}, exit code ${daemon.exitCode}`,
        );
        expect(text).toContain('connection ended by an error of our own');
        expect((await other.ioctl(VIDIOC_S_INPUT, input(99))).errno).toBe(0);
        await guest.close();
      }
      await victim.close();
    },
  );

  it.each(['a', 'c'])('gives the place of a silent front-end to another, and ends half a message: %s', async (name) => {
    text = '';
    const path = join(folder, name);
    using silent = connectUnix(path);
    await eventually(() => text.includes('connected'), 'the silent one to be served');
    using file = memfd('half', 4096);
    send(silent, Uint8Array.of(1, 0), [file, file]);
    const guest = await comesIn<Frontend | VfioFrontend>(() =>
      name === 'a' ? connectFrontend(path, memory) : connectVfioFrontend(path, memory),
    );
    expect((await (await MediaDriver.attach(guest)).open()).state).toBe('open');
    await guest.close();
    await eventually(() => receive(silent, new Uint8Array(8), 0) === 'closed', 'the silent one to be told');
    text = '';
    using half = connectUnix(path);
    send(half, Uint8Array.of(1, 0), [file, file]);
    await eventually(() => text.includes('the rest of a message did not come within'), 'half a message to end');
  });
});
