// SPDX-License-Identifier: Apache-2.0
/** A log that cannot be written, is not read, or is flooded: the daemon serves on. */
import { spawnSync } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, readSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MediaDriver } from '@paravideo/core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectFrontend } from '../src/frontend/index.ts';
import { connectUnix, type Fd, receive, send } from '../src/sys/index.ts';
import { message_header, Request } from '../src/transport/vhost-user/index.ts';
import { eventually, type OwnDaemon, serveWith } from './process-rig.ts';

const DEVICES = [{ kind: 'camera', name: 'camera', socket: ['FOLDER/guest', 'FOLDER/victim'] }];

/** Requests that make more lines than a pipe or a socket holds. */
const FLOOD = 20_000;

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'pv-log-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

function message(request: number): Uint8Array {
  const bytes = new Uint8Array(12);
  const view = new DataView(bytes.buffer);
  message_header.fields.request.set(view, 0, request);
  message_header.fields.flags.set(view, 0, 1);
  return bytes;
}

/** Makes the daemon log: `count` requests, ones that it refuses or ones that it grants; all of them handled when this returns. */
async function flood(daemon: OwnDaemon, count: number, what: 'refused' | 'granted' = 'refused'): Promise<void> {
  using fd: Fd = connectUnix(join(daemon.folder, 'guest'));
  const turn = () => new Promise((resolve) => setTimeout(resolve, 1));
  // The socket may be full before any of them, the last one too.
  const say = async (request: number): Promise<void> => {
    while (send(fd, message(request)) === 'again') await turn();
  };
  for (let i = 0; i < count; i++) await say(what === 'granted' ? Request.SET_OWNER : 1000 + i);
  await say(Request.GET_FEATURES);
  await eventually(() => receive(fd, new Uint8Array(64), 0) !== 'again', 'the answer to a request after many that were refused');
}

async function works(daemon: OwnDaemon): Promise<void> {
  const frontend = await connectFrontend(join(daemon.folder, 'victim'), { memoryBytes: 2 << 20 });
  const driver = await MediaDriver.attach(frontend);
  expect((await driver.open()).state).toBe('open');
  await frontend.close();
}

describe('a log that', () => {
  it('lies on a full disk does not end the daemon', async () => {
    const full = openSync('/dev/full', 'w');
    await using daemon = await serveWith({ log: 'trace', devices: DEVICES }, { stderr: full });
    closeSync(full);
    await flood(daemon, 100, 'granted');
    await works(daemon);
    daemon.process.kill('SIGTERM');
    expect(await daemon.ended).toBe(0);
  });

  it.each(['pipe', 'socket'] as const)(
    'is a %s that nobody reads does not block the daemon, and says afterwards what was lost',
    async (kind) => {
      const path = join(folder, kind);
      if (kind === 'pipe') spawnSync('mkfifo', [path]);
      const pipe = kind === 'pipe' ? openSync(path, constants.O_RDWR | constants.O_NONBLOCK) : undefined;
      const writing = kind === 'pipe' ? openSync(path, 'w') : undefined;
      await using daemon = await serveWith({ log: 'trace', devices: DEVICES }, { stderr: writing ?? 'pipe' });
      if (writing !== undefined) closeSync(writing);
      await flood(daemon, FLOOD, 'granted');
      await works(daemon);
      let text = '';
      daemon.process.stderr?.on('data', (bytes: Buffer) => {
        text += bytes.toString();
      });
      const into = Buffer.alloc(65536);
      await eventually(() => {
        if (pipe !== undefined) {
          try {
            text += into.toString('latin1', 0, readSync(pipe, into));
          } catch {
            // there is nothing now
          }
        }
        return text.includes('lines of the log were lost');
      }, 'the line about lost lines');
      // Whole lines of JSON, whatever was lost between them.
      for (const line of text.split('\n').slice(0, -1)) expect(() => JSON.parse(line), line).not.toThrow();
      if (pipe !== undefined) closeSync(pipe);
    },
  );

  it('is a pipe whose reader has gone does not end the daemon', async () => {
    await using daemon = await serveWith({ log: 'trace', devices: DEVICES }, { stderr: 'pipe' });
    daemon.process.stderr?.destroy();
    await flood(daemon, 1000, 'granted');
    await works(daemon);
    daemon.process.kill('SIGTERM');
    expect(await daemon.ended).toBe(0);
  });

  it('one guest floods stays short, and says how many lines were left out; another guest is still heard', async () => {
    await using daemon = await serveWith({ devices: DEVICES }, { stderr: 'pipe' });
    let text = '';
    daemon.process.stderr?.on('data', (bytes: Buffer) => {
      text += bytes.toString();
    });
    const before = performance.now();
    await flood(daemon, FLOOD);
    const admitted = () => text.split('\n').filter((line) => /"request \d+ is not known here"/.test(line)).length;
    using other = connectUnix(join(daemon.folder, 'victim'));
    send(other, message(999));
    await eventually(() => text.includes('request 999 is'), 'the line of the other guest');
    expect(admitted()).toBeLessThanOrEqual(11 + (performance.now() - before) / 1000 + 1);
    // The flood may take longer than from one summary to the next.
    const suppressed = () => [...text.matchAll(/"suppressed":(\d+)/g)].reduce((sum, [, count]) => sum + Number(count), 0);
    await eventually(
      () => suppressed() + admitted() === FLOOD + 1,
      () => `all lines to be logged or counted: ${suppressed()} and ${admitted()} of ${FLOOD + 1}`,
    );
    expect(text).toContain('more lines like this were suppressed: request # is not known here');
  });
});
