// SPDX-License-Identifier: Apache-2.0
/** The kinds of sources whose frames another program makes, as a configuration names them. */
import { basename, resolve } from 'node:path';
import type { Capture } from '@paravideo/core';
import { z } from 'zod';
import { LinuxClock } from '../../clock/index.ts';
import type { Log } from '../../log/index.ts';
import type { SourceAdapter } from '../source-adapter.ts';
import { CommandOrigin } from './command-origin.ts';
import { FifoOrigin } from './fifo-origin.ts';
import { FramesReader } from './frames-reader.ts';
import { InputOrigin } from './input-origin.ts';
import type { OpenOrigin } from './origin.ts';
import { RawCapture } from './raw-capture.ts';
import { expectedPicture, RAW_SETTINGS, type RawSettings, writtenPicture } from './raw-settings.ts';
import { SocketOrigin } from './socket-origin.ts';
import { Y4mReader } from './y4m-reader.ts';

/** The daemon's own standard input. */
export const STDIN_KIND = 'stdin';

const path = z.string().min(1);

/** A program that the daemon runs, by its name and arguments; what it writes to standard output. */
export const commandAdapter: SourceAdapter<
  RawSettings & { command: string[]; keep?: boolean | undefined; folder?: string | undefined }
> = {
  kind: 'command',
  expected: writtenPicture,
  settings: z.strictObject({
    command: z.array(z.string().regex(/^[^\0]*$/, 'has a NUL')).min(1),
    keep: z.boolean().optional(),
    folder: path.optional(),
    ...RAW_SETTINGS,
  }),
  anchored: (written, anchor) => ({ ...written, folder: anchor(written.folder ?? '.') }),
  open: (settings, { log }) => {
    const { command, keep = false, folder = '.' } = settings;
    const absent = keep ? 'its command has brought nothing yet' : undefined;
    const origin: OpenOrigin = (host) => new CommandOrigin({ command, folder: resolve(folder), keep }, host);
    return open(basename(command[0] ?? ''), settings, log, origin, absent);
  },
};

/** A FIFO, by its path. */
export const fifoAdapter: SourceAdapter<RawSettings & { fifo: string }> = {
  kind: 'fifo',
  expected: writtenPicture,
  settings: z.strictObject({ fifo: path, ...RAW_SETTINGS }),
  anchored: (written, anchor) => ({ ...written, fifo: anchor(written.fifo) }),
  open: (settings, { log }) =>
    open(
      basename(settings.fifo),
      settings,
      log,
      (host) => new FifoOrigin(settings.fifo, host),
      `nobody has written to ${settings.fifo} yet`,
    ),
};

/** A Unix socket, by the path at which the daemon listens. */
export const socketAdapter: SourceAdapter<RawSettings & { socket: string }> = {
  kind: 'socket',
  expected: writtenPicture,
  settings: z.strictObject({
    socket: path.refine((name) => Buffer.byteLength(name) < 108, 'is longer than the 107 bytes that a unix socket address holds'),
    ...RAW_SETTINGS,
  }),
  anchored: (written, anchor) => ({ ...written, socket: anchor(written.socket) }),
  open: (settings, { log }) =>
    open(
      basename(settings.socket),
      settings,
      log,
      (host) => new SocketOrigin(settings.socket, host),
      `no producer has connected to ${settings.socket} yet`,
    ),
};

/** The daemon's standard input, of which there is one. */
export const stdinAdapter: SourceAdapter<RawSettings & { stdin: null }> = {
  kind: STDIN_KIND,
  expected: writtenPicture,
  once: true,
  settings: z.strictObject({ stdin: z.null(), ...RAW_SETTINGS }),
  open: (settings, { log }) =>
    open('Standard input', settings, log, (host) => new InputOrigin(0, host), 'nothing has come on standard input yet'),
};

/** The kinds of sources of raw frames. */
export const RAW_ADAPTERS: readonly SourceAdapter[] = [
  commandAdapter,
  fifoAdapter,
  socketAdapter,
  stdinAdapter,
] as readonly SourceAdapter[];

function open(card: string, settings: RawSettings, log: Log, origin: OpenOrigin, absent: string | undefined): Capture {
  const expected = expectedPicture(settings);
  const { interval } = expected;
  return new RawCapture({
    card,
    expected,
    reader: () => (settings.format === 'frames' ? new FramesReader(interval) : new Y4mReader(interval)),
    lossless: settings.lossless ?? false,
    clock: new LinuxClock(),
    log,
    origin,
    absent,
  });
}
