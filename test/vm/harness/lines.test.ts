// SPDX-License-Identifier: Apache-2.0
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { GuestError } from './guest-error.ts';
import { eachLine } from './lines.ts';
import { Monitor } from './monitor.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'paravideo-lines-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

it('a reader of lines gives those that came before an error of its stream', async () => {
  const input = new PassThrough();
  const lines: string[] = [];
  const errors: Error[] = [];
  input.on('error', (error) => errors.push(error));
  eachLine(input, (line) => lines.push(line));
  input.write('one\ntwo\n');
  await expect.poll(() => lines).toEqual(['one', 'two']);
  const closed = new Promise((resolve) => input.on('close', resolve));
  input.destroy(new Error('read ECONNRESET'));
  await closed;
  expect(errors.map(({ message }) => message)).toEqual(['read ECONNRESET']);
});

// a socket is reset, and not just closed, if what was sent to its other end was not read there
it('a monitor whose connection is reset fails the command that waits for an answer', async () => {
  const path = join(folder, 'monitor.sock');
  const server = createServer({ pauseOnConnect: true }).listen(path);
  await once(server, 'listening');
  try {
    const connection = once(server, 'connection') as Promise<[Socket]>;
    using monitor = new Monitor(path);
    const answer = expect(monitor.command({ execute: 'stop' })).rejects.toThrow(GuestError);
    const [socket] = await connection;
    socket.destroy();
    await answer;
  } finally {
    server.close();
  }
});
