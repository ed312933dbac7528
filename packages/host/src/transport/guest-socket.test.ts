// SPDX-License-Identifier: Apache-2.0
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest';
import { connectUnix, type Fd, hungUp, SysError } from '../sys/index.ts';
import { CONNECTION_BURST, CONNECTIONS_PER_SECOND, GuestSocket } from './guest-socket.ts';

const folder = mkdtempSync(join(tmpdir(), 'paravideo-guest-socket-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
afterEach(() => void vi.useRealTimers());

const silent = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

async function until(done: () => boolean): Promise<void> {
  while (!done()) await new Promise((resolve) => setTimeout(resolve, 1));
}

describe('a socket whose last front-end is being taken down', () => {
  it('keeps the place for who waits, and gives it to another only when that one has gone', async () => {
    const cleared = Promise.withResolvers<void>();
    const served: Fd[] = [];
    let end: () => void = () => {};
    const socket = GuestSocket.listen({
      path: join(folder, 'a.sock'),
      log: silent,
      serve: (fd, ended) => {
        served.push(fd);
        end = ended;
        const connection = { heard: true, poll: () => {}, close: () => fd.close() };
        return { connection, gone: served.length === 1 ? cleared.promise : Promise.resolve() };
      },
    });
    const first = connectUnix(socket.path);
    await until(() => served.length === 1);
    end();
    const gaveUp = connectUnix(socket.path);
    const turnedAway = connectUnix(socket.path);
    // The listener takes them in their order: when the second is turned away, the first has the place.
    await until(() => hungUp(turnedAway));
    expect(hungUp(gaveUp)).toBe(false);
    gaveUp.close();
    const patient = connectUnix(socket.path);
    const late = connectUnix(socket.path);
    await until(() => hungUp(late));
    expect(hungUp(patient)).toBe(false);
    cleared.resolve();
    await until(() => served.length === 2);
    expect(hungUp(patient)).toBe(false);
    served[0]?.close();
    await socket.close();
    for (const fd of [first, turnedAway, patient, late]) fd.close();
  });
});

describe('a socket that is connected to without pause', () => {
  it('accepts a number at once and so many a second after that; the others wait in the queue of the listener', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
    let served = 0;
    const socket = GuestSocket.listen({
      path: join(folder, 'storm.sock'),
      log: silent,
      serve: (fd, ended) => {
        served += 1;
        fd.close();
        setImmediate(ended);
        return { connection: { heard: false, poll: () => {}, close: () => {} }, gone: Promise.resolve() };
      },
    });
    let full = 0;
    /** Connects until the queue of the listener stays full: nobody takes from it any more. */
    const storm = async (): Promise<void> => {
      for (full = 0; full < 200 && served < 4 * CONNECTION_BURST; ) {
        try {
          connectUnix(socket.path).close();
          full = 0;
        } catch (error) {
          if (!(error instanceof SysError)) throw error;
          full += 1;
        }
        await new Promise(setImmediate);
      }
    };
    await storm();
    expect(served).toBe(CONNECTION_BURST);
    for (let i = 1; i <= 3; i++) {
      await vi.advanceTimersByTimeAsync(1000 / CONNECTIONS_PER_SECOND);
      await storm();
      expect(served).toBe(CONNECTION_BURST + i);
    }
    await socket.close();
  });
});
