// SPDX-License-Identifier: Apache-2.0
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { MediaDriver } from '@paravideo/core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectFrontend } from '../frontend/index.ts';
import { isolation } from '../isolation/child/index.ts';
import { ConfigError } from './config-error.ts';
import { Daemon } from './daemon.ts';
import { DaemonProcess, DaemonProcessError } from './daemon-process.ts';
import { checkConfig } from './load-config.ts';
import { createLogger } from './logger.ts';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'paravideo-daemon-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const log = createLogger('silent');

function isAlive(pid: number): boolean {
  try {
    // a process that has ended and was not waited for is no more
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'latin1'));
  } catch {
    return false;
  }
}

/** What a process started, and what that started: where a child has a pid namespace, the daemon's own only waits for it. */
const descendantsOf = (pid: number): number[] =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1')
    .split(' ')
    .filter(Boolean)
    .flatMap((child) => [Number(child), ...descendantsOf(Number(child))]);

describe('the daemon', () => {
  it('serves every socket of every device and removes the files at the end', async () => {
    const [a, b, c] = ['a', 'b', 'c'].map((name) => join(folder, `${name}.sock`)) as [string, string, string];
    const config = checkConfig({
      devices: [
        { kind: 'camera', name: 'camera', socket: [a, b] },
        { kind: 'decoder', name: 'decoder', socket: c },
      ],
    });
    const daemon = await Daemon.start(config, log);
    expect(daemon.sockets.map((socket) => socket.path)).toEqual([a, b, c]);
    for (const path of [a, b, c]) await (await connectFrontend(path)).close();
    await daemon[Symbol.asyncDispose]();
    expect(readdirSync(folder)).toEqual([]);
  });

  it('takes everything down again if one socket cannot be had', async () => {
    const [mine, taken] = [join(folder, 'mine.sock'), join(folder, 'taken.sock')];
    const other = createServer().listen(taken);
    await new Promise((resolve) => other.once('listening', resolve));
    const devices = [mine, taken].map((socket, i) => ({ kind: 'camera' as const, name: `camera${i}`, socket }));
    await expect(Daemon.start(checkConfig({ devices }), log)).rejects.toThrow(/taken\.sock/);
    expect(readdirSync(folder)).toEqual(['taken.sock']);
    await new Promise((resolve) => other.close(resolve));
  });

  it('names the field of a camera that its source cannot be', async () => {
    const devices = [{ kind: 'camera' as const, name: 'camera', socket: join(folder, 'x.sock'), size: '8000x8000' }];
    await expect(Daemon.start(checkConfig({ devices }), log)).rejects.toThrow(ConfigError);
    expect(readdirSync(folder)).toEqual([]);
  });

  it.each(['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR2'] as const)(
    'ends with status 0 on %s, with no socket and no child left, guests connected or not',
    async (signal) => {
      await using daemon = await DaemonProcess.start([
        { kind: 'camera', name: 'camera' },
        { kind: 'decoder', name: 'decoder' },
      ]);
      const guests = [await connectFrontend(daemon.socket('camera')), await connectFrontend(daemon.socket('decoder'))];
      // The decoder's process starts with its first session.
      for (const guest of guests) await (await MediaDriver.attach(guest)).open();
      const children = descendantsOf(daemon.pid);
      expect(children.length).toBeGreaterThan(0);
      expect(await daemon.stop(signal)).toBe(0);
      expect(readdirSync(daemon.folder)).toEqual(['config.yaml']);
      expect(children.filter(isAlive)).toEqual([]);
      for (const guest of guests) await guest.close();
    },
  );

  it('says once what separates its children from it, and leaves none of them when it is killed, hanging or not', async () => {
    await using daemon = await DaemonProcess.start([{ kind: 'decoder', name: 'decoder' }], { log: 'info' });
    const guest = await connectFrontend(daemon.socket('decoder'));
    await (await MediaDriver.attach(guest)).open();
    const decoding = (): number | undefined =>
      descendantsOf(daemon.pid).find((pid) => /^Seccomp:\s+2$/m.test(readFileSync(`/proc/${pid}/status`, 'latin1')));
    await expect.poll(decoding, { timeout: 60_000 }).toBeTypeOf('number');
    const children = descendantsOf(daemon.pid);
    process.kill(decoding() ?? expect.unreachable('it was there'), 'SIGSTOP');
    process.kill(daemon.pid, 'SIGKILL');
    await expect.poll(() => children.filter(isAlive), { timeout: 60_000 }).toEqual([]);
    expect(daemon.log.match(/sandbox of child processes/g)).toHaveLength(1);
    expect(daemon.log).toContain(`"level":"${isolation().level}"`);
    expect(daemon.log).toMatch(/"cgroup":"(no )?cgroups of their own/);
    await guest.close();
  });

  it('opens no inspector on SIGUSR1', async () => {
    await using daemon = await DaemonProcess.start([{ kind: 'camera', name: 'camera' }]);
    process.kill(daemon.pid, 'SIGUSR1');
    // The inspector says so on standard error, as soon as its thread has run.
    for (let i = 0; i < 5; i++) await (await connectFrontend(daemon.socket('camera'))).close();
    expect(await daemon.stop()).toBe(0);
    expect(daemon.log).not.toMatch(/debugger/i);
  });

  it('ends, with nothing left, if it cannot say that it is ready', async () => {
    const path = join(folder, 'unready.sock');
    const entry = fileURLToPath(new URL('../../bin/start.js', import.meta.url));
    const full = openSync('/dev/full', 'w');
    const child = spawn(process.execPath, [entry, 'serve', '--camera', path, '--ready-fd', '3'], {
      stdio: ['ignore', 'ignore', 'pipe', full],
    });
    closeSync(full);
    let text = '';
    child.stderr?.setEncoding('utf8').on('data', (part: string) => {
      text += part;
    });
    const timer = setTimeout(() => child.kill('SIGKILL'), 50_000);
    expect(await once(child, 'exit')).toEqual([2, null]);
    clearTimeout(timer);
    expect(text).toContain('--ready-fd 3 cannot be written to (ENOSPC)');
    expect(readdirSync(folder)).toEqual([]);
  });

  it('ends with the process that started it, even if that is killed', async () => {
    const program = `
      import { DaemonProcess } from ${JSON.stringify(new URL('../../dist/daemon/index.js', import.meta.url).href)};
      const daemon = await DaemonProcess.start([{ kind: 'camera', name: 'camera' }]);
      console.log(daemon.pid, daemon.folder);`;
    const starter = spawn(process.execPath, ['--input-type=module', '--eval', program], { stdio: ['ignore', 'pipe', 'inherit'] });
    const [text] = (await once(starter.stdout, 'data')) as [Buffer];
    const [pid, left] = text.toString().trim().split(' ') as [string, string];
    expect(isAlive(Number(pid))).toBe(true);
    starter.kill('SIGKILL');
    await expect.poll(() => isAlive(Number(pid))).toBe(false);
    expect(readdirSync(left)).toEqual(['config.yaml']);
    rmSync(left, { recursive: true });
  });

  it('that does not start says why', async () => {
    const start = DaemonProcess.start([{ kind: 'camera', name: 'camera', source: 'nothing' }]);
    await expect(start).rejects.toThrow(DaemonProcessError);
    await expect(start).rejects.toThrow(/devices\[0\]\.source names no source: nothing/);
  });
});
