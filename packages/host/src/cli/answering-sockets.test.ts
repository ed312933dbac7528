// SPDX-License-Identifier: Apache-2.0
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DaemonProcess } from '../daemon/index.ts';
import { connectGuest } from '../frontend/index.ts';
import { type CommandResult, runCommand } from './testing/run-command.ts';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'paravideo-sockets-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const COMMANDS = ['probe', 'check', 'bench'] as const;

function expectOneLine({ status, stdout, stderr }: CommandResult, line: RegExp): void {
  expect(stderr).toMatch(line);
  // `bench` says what it is about to do
  expect(
    stderr
      .trim()
      .split('\n')
      .filter((each) => !each.startsWith('…')),
  ).toHaveLength(1);
  expect([status, stdout]).toEqual([3, '']);
}

describe('a command that connects to a device', () => {
  it.each(COMMANDS)('%s says that the socket is in use', async (command) => {
    await using daemon = await DaemonProcess.start([{ kind: 'camera', name: 'camera' }]);
    const guest = await connectGuest(daemon.socket('camera'));
    try {
      expectOneLine(
        await runCommand([command, daemon.socket('camera')], folder),
        /closed the connection at once: .*virtual machine/,
      );
    } finally {
      await guest.close();
    }
  });

  it.each(COMMANDS)('%s names the transport that the socket speaks when another was asked for', async (command) => {
    await using daemon = await DaemonProcess.start([
      { kind: 'camera', name: 'vhost' },
      { kind: 'camera', name: 'vfio', transport: 'vfio-user' },
    ]);
    for (const [device, wrong, right] of [
      ['vfio', 'vhost-user', 'vfio-user'],
      ['vhost', 'vfio-user', 'vhost-user'],
    ] as const) {
      const result = await runCommand([command, daemon.socket(device), '--transport', wrong], folder);
      expectOneLine(result, new RegExp(`speaks ${right}: add --transport ${right}`));
    }
  });

  it('finds out which transport a socket speaks', async () => {
    await using daemon = await DaemonProcess.start([
      { kind: 'camera', name: 'vhost', card: 'One' },
      { kind: 'camera', name: 'vfio', card: 'Two', transport: 'vfio-user' },
    ]);
    for (const [device, card] of [
      ['vhost', 'One'],
      ['vfio', 'Two'],
    ] as const) {
      const { status, stdout } = await runCommand(['probe', daemon.socket(device), '--json'], folder);
      expect(status).toBe(0);
      expect(JSON.parse(stdout)).toMatchObject({ card });
    }
  });

  it('is patient with a busy server whose transport was named', async () => {
    await using daemon = await DaemonProcess.start([{ kind: 'camera', name: 'camera', card: 'Busy' }]);
    process.kill(daemon.pid, 'SIGSTOP');
    // longer than both first tries together
    setTimeout(() => process.kill(daemon.pid, 'SIGCONT'), 3000);
    const { status, stdout } = await runCommand(
      ['probe', daemon.socket('camera'), '--transport', 'vhost-user', '--json'],
      folder,
    );
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ card: 'Busy' });
  });

  it('says what is wrong with a path at which nobody listens', async () => {
    writeFileSync(join(folder, 'letter.txt'), 'Dear');
    expectOneLine(
      await runCommand(['probe', 'nobody.sock'], folder),
      /nobody\.sock: there is no such socket: start `paravideo serve`/,
    );
    expectOneLine(await runCommand(['probe', 'letter.txt'], folder), /letter\.txt: it is no socket/);
  });

  it('tells a server that never answers from one that speaks something else', async () => {
    const open = new Set<Socket>();
    const serve = async (name: string, answer: (socket: Socket) => void) => {
      const server = createServer((socket) => {
        open.add(socket);
        socket.on('error', () => {});
        answer(socket);
      });
      await new Promise<void>((resolve) => server.listen(join(folder, name), resolve));
      return server;
    };
    const servers = [
      await serve('mute.sock', () => {}),
      await serve('web.sock', (socket) => socket.write('HTTP/1.1 400 Bad Request\r\n\r\n')),
    ];
    try {
      expectOneLine(await runCommand(['probe', 'mute.sock'], folder), /answers neither vhost-user nor vfio-user/);
      expectOneLine(await runCommand(['probe', 'web.sock'], folder), /speaks neither vhost-user nor vfio-user/);
    } finally {
      for (const socket of open) socket.destroy();
      for (const server of servers) server.close();
    }
  });
});
