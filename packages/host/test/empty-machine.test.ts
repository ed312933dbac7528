// SPDX-License-Identifier: Apache-2.0
/** Processes and address space run out: what cannot be had is refused, others go on, and nothing is left of who has gone. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { MediaDriver } from '@paravideo/core';
import { describe, expect, it } from 'vitest';
import { connectFrontend } from '../src/frontend/index.ts';
import { atRest, backToRest, childrenOf, eventually, limitProcess, type OwnDaemon, serveWith, softLimit } from './process-rig.ts';

const MEMORY = { memoryBytes: 2 << 20 };
const CONFIG = {
  devices: [
    { kind: 'camera', name: 'camera', socket: ['FOLDER/camera', 'FOLDER/victim'] },
    { kind: 'decoder', name: 'decoder', socket: 'FOLDER/decoder' },
  ],
};
/** Root may have any number of processes; a user id that nobody else has shares the number with nobody. */
const UNPRIVILEGED =
  process.geteuid?.() === 0 ? ['setpriv', '--reuid=1345678', '--regid=1345678', '--clear-groups', '--inh-caps=-all'] : [];

/** A guest that connects, opens a session and goes; true if it got that far. */
async function tryGuest(daemon: OwnDaemon, name: string): Promise<boolean> {
  try {
    const frontend = await connectFrontend(join(daemon.folder, name), MEMORY);
    try {
      return (await (await MediaDriver.attach(frontend)).open()).state === 'open';
    } finally {
      await frontend.close();
    }
  } catch {
    return false;
  }
}

function addressSpace(pid: number): number {
  const [, kib] = /^VmSize:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1')) ?? [];
  return Number(kib) * 1024;
}

describe('a daemon', () => {
  async function start(before: readonly string[] = []) {
    const daemon = await serveWith(CONFIG, { stderr: 'pipe', before });
    const lines = { text: '' };
    daemon.process.stderr?.on('data', (bytes: Buffer) => {
      lines.text += bytes.toString();
    });
    return { daemon, lines };
  }

  it('without address space to spare refuses a guest with the reason, serves the other, and keeps nothing', async () => {
    const { daemon, lines } = await start();
    await using _ending = daemon;
    // Once with enough, so that what is made once is there.
    expect(await tryGuest(daemon, 'camera')).toBe(true);
    const victim = await connectFrontend(join(daemon.folder, 'victim'), MEMORY);
    const driver = await MediaDriver.attach(victim);
    const before = await atRest(daemon.pid);
    const usual = softLimit(daemon.pid, 'as');
    // An arena takes 2 GiB of addresses.
    for (const spare of [32, 256, 1024, 2040]) {
      lines.text = '';
      limitProcess(daemon.pid, 'as', addressSpace(daemon.pid) + spare * 2 ** 20);
      expect(await tryGuest(daemon, 'camera'), `with ${spare} MiB`).toBe(false);
      await eventually(
        () => lines.text.includes('mmap failed with ENOMEM'),
        () => `the reason: ${lines.text}`,
      );
      const session = await driver.open();
      expect(session.state, `with ${spare} MiB`).toBe('open');
      await session.close();
      limitProcess(daemon.pid, 'as', usual);
      await backToRest(daemon.pid, before, `with ${spare} MiB`);
    }
    expect(await tryGuest(daemon, 'camera')).toBe(true);
    await victim.close();
  });

  it('without processes to spare says so, serves the others, and starts what a guest needs as soon as it can', async () => {
    const { daemon, lines } = await start(UNPRIVILEGED);
    await using _ending = daemon;
    expect(await tryGuest(daemon, 'decoder')).toBe(true);
    const victim = await connectFrontend(join(daemon.folder, 'victim'), MEMORY);
    const driver = await MediaDriver.attach(victim);
    const before = await atRest(daemon.pid);
    const usual = softLimit(daemon.pid, 'nproc');
    limitProcess(daemon.pid, 'nproc', 1, UNPRIVILEGED);
    const guest = await connectFrontend(join(daemon.folder, 'decoder'), MEMORY);
    const session = await (await MediaDriver.attach(guest)).open();
    // Not once, but until it can be.
    await eventually(
      () => lines.text.split('it could not be started: spawn').length > 2,
      () => `the reason: ${lines.text}`,
    );
    expect(lines.text).toContain('EAGAIN');
    expect(childrenOf(daemon.pid)).toEqual([]);
    const other = await driver.open();
    expect(other.state).toBe('open');
    await other.close();
    limitProcess(daemon.pid, 'nproc', usual, UNPRIVILEGED);
    await eventually(
      () => childrenOf(daemon.pid).length === 1,
      () => `the decoder's process: ${lines.text}`,
    );
    expect(session.state).toBe('open');
    await guest.close();
    await backToRest(daemon.pid, before, 'with processes again');
    await victim.close();
  });
});
