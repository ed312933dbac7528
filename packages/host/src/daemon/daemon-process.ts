// SPDX-License-Identifier: Apache-2.0
import { type ChildProcess, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import type { ConfigInput } from './config.ts';
import type { ENDING_SIGNALS } from './ending-signals.ts';
import { READY } from './ready.ts';
import { TempFolder } from './temp-folder.ts';

/** The daemon did not start, or ended when nobody had asked it to. The message holds its last words. */
export class DaemonProcessError extends Error {
  override readonly name = 'DaemonProcessError';
}

/** A device of the configuration, without its socket: that is made in a folder of the process's own. */
export type DeviceInput = ConfigInput['devices'][number] extends infer D
  ? D extends unknown
    ? Omit<D, 'socket'> & { sockets?: number }
    : never
  : never;

/** The rest of its configuration. */
export type DaemonSettings = Omit<ConfigInput, 'devices'>;

const READY_FD = 3;
const START_TIMEOUT = 30_000;

/** Milliseconds until a daemon that was told to end has ended; then it is killed. */
const STOP_TIMEOUT = 30_000;

/** The command, as `bin/paravideo` starts it: a daemon process runs the build, whoever starts it. */
const ENTRY = fileURLToPath(new URL('../../bin/start.js', import.meta.url));

/**
 * A daemon in a process of its own, started through the command line as an administrator would, with its sockets in a fresh
 * temporary folder. Disposing of it sends SIGTERM, waits, and removes the folder.
 */
export class DaemonProcess implements AsyncDisposable {
  /** milliseconds from the start of the process until every socket accepted connections */
  readonly startMillis: number;
  readonly #child: ChildProcess;
  readonly #folder: TempFolder;
  readonly #sockets: ReadonlyMap<string, readonly string[]>;
  readonly #exit: Promise<number | null>;
  readonly #words: string[];

  private constructor(
    child: ChildProcess,
    exit: Promise<number | null>,
    folder: TempFolder,
    sockets: ReadonlyMap<string, readonly string[]>,
    words: string[],
    startMillis: number,
  ) {
    this.#child = child;
    this.#exit = exit;
    this.#folder = folder;
    this.#sockets = sockets;
    this.#words = words;
    this.startMillis = startMillis;
  }

  /** Starts a daemon that serves `devices` and waits until it is ready; `heard` gets its log as it comes. Throws `DaemonProcessError`. */
  static async start(
    devices: readonly DeviceInput[],
    rest: DaemonSettings = {},
    heard: (text: string) => void = () => {},
  ): Promise<DaemonProcess> {
    const temp = new TempFolder();
    const folder = temp.path;
    const sockets = new Map<string, readonly string[]>();
    const config = {
      ...rest,
      devices: devices.map(({ sockets: count = 1, ...device }) => {
        const paths = Array.from({ length: count }, (_, i) => join(folder, `${device.name}${i === 0 ? '' : `-${i}`}.sock`));
        sockets.set(device.name, paths);
        return { ...device, socket: paths };
      }),
    };
    const path = join(folder, 'config.yaml');
    // JSON is YAML
    writeFileSync(path, JSON.stringify(config));
    const started = performance.now();
    const child = spawn(process.execPath, [ENTRY, 'serve', '--config', path, '--ready-fd', String(READY_FD), '--until-eof'], {
      // it ends with this process, however that ends: then its standard input does
      stdio: ['pipe', 'ignore', 'pipe', 'pipe'],
    });
    const exit = new Promise<number | null>((resolve) => {
      child.once('exit', resolve);
      child.once('error', () => resolve(null));
    });
    const words: string[] = [];
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      heard(text);
      words.push(text);
      if (words.length > 100) words.shift();
    });
    try {
      await ready(child.stdio[READY_FD] as Readable, exit);
    } catch (error) {
      child.kill('SIGKILL');
      await exit;
      temp[Symbol.dispose]();
      throw new DaemonProcessError(
        `the daemon did not start: ${
          words
            .join('')
            .replace(/^paravideo: /gm, '')
            .trim() || (error as Error).message
        }`,
      );
    }
    return new DaemonProcess(child, exit, temp, sockets, words, performance.now() - started);
  }

  get pid(): number {
    return this.#child.pid ?? -1;
  }

  /** A line or more of the log, as far as it was kept. */
  get log(): string {
    return this.#words.join('');
  }

  /** False after the process ended, whatever the reason. */
  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Path of a device's socket; the first unless told. */
  socket(device: string, index = 0): string {
    const path = this.#sockets.get(device)?.[index];
    if (path === undefined) throw new DaemonProcessError(`the daemon has no socket ${index} of a device ${device}`);
    return path;
  }

  /** Ends the daemon as a signal from outside would; resolves to its exit code, null if it had to be killed. */
  async stop(signal: (typeof ENDING_SIGNALS)[number] = 'SIGTERM'): Promise<number | null> {
    if (this.running) this.#child.kill(signal);
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), STOP_TIMEOUT);
    const status = await this.#exit;
    clearTimeout(timer);
    return status;
  }

  /** Files that the daemon left in its folder; its configuration apart, there should be none after `stop`. */
  get folder(): string {
    return this.#folder.path;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    this.#folder[Symbol.dispose]();
  }
}

async function ready(from: Readable, exit: Promise<number | null>): Promise<void> {
  const line = new Promise<void>((resolve, reject) => {
    let text = '';
    from.setEncoding('utf8').on('data', (part: string) => {
      text += part;
      if (text.startsWith(`${READY}\n`)) resolve();
    });
    const timer = setTimeout(
      () => reject(new DaemonProcessError(`it was not ready within ${START_TIMEOUT / 1000} s`)),
      START_TIMEOUT,
    );
    timer.unref();
  });
  const ended = exit.then((status) => {
    throw new DaemonProcessError(`it ended with status ${status}`);
  });
  await Promise.race([line, ended]);
  // what follows on this descriptor is of no interest, and must not keep this process alive
  from.destroy();
}
