// SPDX-License-Identifier: Apache-2.0
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { connectUnix, type Fd, hungUp } from '../../sys/index.ts';
import { GuestSocket } from './guest-socket.ts';

const folder = mkdtempSync(join(tmpdir(), 'paravideo-guest-socket-'));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const silent = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

async function until(done: () => boolean): Promise<void> {
  while (!done()) await new Promise((resolve) => setTimeout(resolve, 1));
}

describe('a socket whose last front-end is being taken down', () => {
  it('keeps its place for the front-end that waits, and takes another only when that one has gone', async () => {
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
