// SPDX-License-Identifier: Apache-2.0
import { connect, type Socket } from 'node:net';
import { GuestError } from './guest-error.ts';
import { eachLine } from './lines.ts';

/** A command of QEMU's monitor protocol (QMP). */
export interface MonitorCommand {
  readonly execute: string;
  readonly arguments?: Readonly<Record<string, unknown>>;
}

/** What QEMU tells unasked: a device is gone, the machine was stopped. */
export interface MonitorEvent {
  readonly event: string;
  readonly data?: Readonly<Record<string, unknown>>;
}

interface Answer {
  readonly id?: number;
  readonly error?: { readonly desc: string };
}

/** An answer comes at once, but from a machine that may be busy; a guest may take its time to let go of a device. */
const ANSWER_TIMEOUT = 60_000;
const EVENT_TIMEOUT = 120_000;

/**
 * The line to QEMU's monitor: commands, and the events that tell when what they began has ended. Several commands (`device_del`) are
 * answered when they were passed on to the guest, not when they are done.
 */
export class Monitor implements Disposable {
  readonly #socket: Socket;
  readonly #asked = new Map<number, (answer: Answer | undefined) => void>();
  readonly #awaited = new Set<(event: MonitorEvent | undefined) => void>();
  #ids = 0;

  /** Connects to the monitor at a socket. */
  constructor(path: string) {
    this.#socket = connect(path);
    this.#socket.on('error', () => {});
    this.#socket.on('close', () => {
      for (const hear of [...this.#asked.values(), ...this.#awaited]) hear(undefined);
    });
    this.#socket.write(`${JSON.stringify({ execute: 'qmp_capabilities' })}\n`);
    eachLine(this.#socket, (line) => this.#take(JSON.parse(line) as Answer & Partial<MonitorEvent>));
  }

  /** Gives a command. Throws `GuestError` with what QEMU says if it refuses. */
  async command(command: MonitorCommand): Promise<void> {
    const id = ++this.#ids;
    const { promise, resolve } = Promise.withResolvers<Answer | undefined>();
    this.#asked.set(id, resolve);
    this.#socket.write(`${JSON.stringify({ ...command, id })}\n`);
    const answer = await this.#within(promise, ANSWER_TIMEOUT, command.execute);
    this.#asked.delete(id);
    if (answer.error) throw new GuestError(`QEMU's monitor refuses ${command.execute}: ${answer.error.desc}`);
  }

  /** Gives a command, and waits for the event that tells of its end; `is` chooses among events of that name. */
  async until(command: MonitorCommand, event: string, is: (data: Readonly<Record<string, unknown>>) => boolean = () => true) {
    const { promise, resolve } = Promise.withResolvers<MonitorEvent | undefined>();
    const hear = (heard: MonitorEvent | undefined) => {
      if (heard === undefined || (heard.event === event && is(heard.data ?? {}))) resolve(heard);
    };
    this.#awaited.add(hear);
    try {
      await this.command(command);
      await this.#within(promise, EVENT_TIMEOUT, `${command.execute} with ${event}`);
    } finally {
      this.#awaited.delete(hear);
    }
  }

  [Symbol.dispose](): void {
    this.#socket.destroy();
  }

  #take(line: Answer & Partial<MonitorEvent>): void {
    const { event } = line;
    if (event !== undefined) for (const hear of this.#awaited) hear({ ...line, event });
    else if (line.id !== undefined) this.#asked.get(line.id)?.(line);
  }

  async #within<T>(promise: Promise<T | undefined>, millis: number, what: string): Promise<T> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<undefined>((resolve) => {
      timer = setTimeout(resolve, millis, undefined);
    });
    const answer = await Promise.race([promise, late]);
    clearTimeout(timer);
    if (answer === undefined) throw new GuestError(`QEMU's monitor does not answer ${what}`);
    return answer;
  }
}
