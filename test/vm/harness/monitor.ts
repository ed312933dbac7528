// SPDX-License-Identifier: Apache-2.0
import { connect } from 'node:net';
import { createInterface } from 'node:readline';
import { GuestError } from './guest-error.ts';

/** A command of QEMU's monitor protocol (QMP). */
export interface MonitorCommand {
  readonly execute: string;
  readonly arguments?: Readonly<Record<string, unknown>>;
}

const TIMEOUT = 20_000;

/** Gives QEMU's monitor at a socket one command. Throws `GuestError` with what it says if it refuses. */
export async function monitorCommand(path: string, command: MonitorCommand): Promise<void> {
  const socket = connect(path);
  const timer = setTimeout(() => socket.destroy(), TIMEOUT);
  try {
    socket.write(`${JSON.stringify({ execute: 'qmp_capabilities' })}\n${JSON.stringify({ ...command, id: 'asked' })}\n`);
    for await (const line of createInterface({ input: socket })) {
      const answer = JSON.parse(line) as { id?: string; error?: { desc: string } };
      if (answer.id !== 'asked') continue;
      if (answer.error === undefined) return;
      throw new GuestError(`QEMU's monitor refuses ${command.execute}: ${answer.error.desc}`);
    }
    throw new GuestError(`QEMU's monitor does not answer ${command.execute}`);
  } finally {
    clearTimeout(timer);
    socket.destroy();
  }
}
