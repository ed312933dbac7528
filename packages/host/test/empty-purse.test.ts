// SPDX-License-Identifier: Apache-2.0
/** Descriptors run out (what else may: empty-machine.test.ts): guests are refused, others go on, and nothing is left of who has gone. */
import { MediaDriver } from '@paravideo/core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DaemonProcess } from '../src/daemon/index.ts';
import { connectFrontend, connectVfioFrontend } from '../src/frontend/index.ts';
import { atRest, backToRest, limitProcess, softLimit } from './process-rig.ts';

type Kind = 'camera' | 'decoder' | 'pci';

/** A guest that connects, opens a session and goes; true if it got that far. Rejects if it waits for an answer that never comes. */
async function tryGuest(daemon: DaemonProcess, kind: Kind, when: string): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const hangs = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new RangeError(`the guest of ${kind} waits in vain ${when}: ${daemon.log}`)), 45_000);
  });
  try {
    return await Promise.race([guestGotIn(daemon, kind), hangs]);
  } finally {
    clearTimeout(timer);
  }
}

async function guestGotIn(daemon: DaemonProcess, kind: Kind): Promise<boolean> {
  const path = daemon.socket(kind);
  try {
    const frontend = await (kind === 'pci'
      ? connectVfioFrontend(path, { memoryBytes: 2 << 20 })
      : connectFrontend(path, { memoryBytes: 2 << 20 }));
    try {
      const driver = await MediaDriver.attach(frontend);
      return (await driver.open()).state === 'open';
    } finally {
      await frontend.close();
    }
  } catch {
    return false;
  }
}

describe('a daemon with too few descriptors', () => {
  let daemon: DaemonProcess;
  beforeAll(async () => {
    daemon = await DaemonProcess.start([
      { kind: 'camera', name: 'camera' },
      { kind: 'camera', name: 'victim' },
      { kind: 'decoder', name: 'decoder' },
      { kind: 'camera', name: 'pci', transport: 'vfio-user' },
    ]);
  });
  afterAll(() => daemon[Symbol.asyncDispose]());

  it.each(['camera', 'decoder', 'pci'] as const)(
    'refuses a guest of a %s at whatever number, serves the other, and keeps nothing',
    async (kind) => {
      // Once with enough, so that what is made once is there.
      expect(await tryGuest(daemon, kind, 'at first')).toBe(true);
      await using victim = await connectFrontend(daemon.socket('victim'), { memoryBytes: 2 << 20 });
      const driver = await MediaDriver.attach(victim);
      const idle = await atRest(daemon.pid, () => daemon.log);
      const files = softLimit(daemon.pid, 'nofile');
      const served: boolean[] = [];
      for (let spare = 0; spare <= 40; spare++) {
        limitProcess(daemon.pid, 'nofile', idle.length + spare);
        const when = `with ${spare} descriptors`;
        served.push(await tryGuest(daemon, kind, when));
        // The other guest is served meanwhile.
        const session = await driver.open();
        expect(session.state, when).toBe('open');
        await session.close();
        limitProcess(daemon.pid, 'nofile', files);
        await backToRest(daemon.pid, idle, when);
      }
      expect(served[0]).toBe(false);
      expect(served.at(-1)).toBe(true);
      expect(daemon.log).toContain('turned away');
      expect(await tryGuest(daemon, kind, 'in the end')).toBe(true);
      await victim.close();
    },
  );
});
