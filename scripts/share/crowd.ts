// SPDX-License-Identifier: Apache-2.0
import { DaemonProcess } from '../../packages/host/src/daemon/index.ts';
import { threadTimes } from '../../packages/host/src/sys/index.ts';
import { Part } from '../part.ts';
import type { Filmed } from './guest.ts';
import { FPS } from './rate.ts';
import { ShareError } from './share-error.ts';

/** Milliseconds that a process may take to be ready, or to answer beyond its time. */
const PATIENCE = 60_000;

/** What guests saw over some intervals of their source, what that cost the daemon, and what copies cost beside it. */
export interface Measured {
  readonly filmed: readonly Filmed[];
  /** seconds of processor time of the daemon, by the names of its threads */
  readonly threads: ReadonlyMap<string, number>;
  /** seconds of processor time of one copy of a frame */
  readonly copy: number;
}

/** A daemon with one camera, a process that makes the copies to compare with, and guests, each in a process of its own. */
export class Crowd implements AsyncDisposable {
  readonly #daemon: DaemonProcess;
  readonly #copier: Part;
  readonly #guests: Part[] = [];

  private constructor(daemon: DaemonProcess, copier: Part) {
    this.#daemon = daemon;
    this.#copier = copier;
  }

  /** Throws `ShareError`, as all of it does where a process does not start or answer. */
  static async start(sockets: number): Promise<Crowd> {
    const daemon = await DaemonProcess.start([{ kind: 'camera', name: 'camera', sockets }], { log: 'error' });
    const copier = new Part(new URL('./copier.ts', import.meta.url));
    await heard(copier.line(PATIENCE), 'the copier did not start');
    return new Crowd(daemon, copier);
  }

  /** Has one more guest, which films; `hold`: milliseconds for which it holds each frame. */
  async add(hold = 0): Promise<Part> {
    const socket = this.#daemon.socket('camera', this.#guests.length);
    const guest = new Part(new URL('./guest.ts', import.meta.url), [socket, String(hold)]);
    this.#guests.push(guest);
    await heard(guest.line(PATIENCE), 'a guest got no frames');
    return guest;
  }

  /** Has guests, all unless told, count over as many intervals of the source. */
  async measure(intervals: number, guests: readonly Part[] = this.#guests): Promise<Measured> {
    const within = (1000 * intervals) / FPS + PATIENCE;
    const before = threadTimes(this.#daemon.pid);
    const copied = this.#copier.ask(String(intervals), within);
    const answers = await Promise.all(guests.map((guest) => heard(guest.ask(String(intervals), within), 'a guest told nothing')));
    const after = threadTimes(this.#daemon.pid);
    return {
      filmed: answers.map((line) => JSON.parse(line) as Filmed),
      threads: new Map([...after].map(([name, time]) => [name, time - (before.get(name) ?? 0)])),
      copy: Number(await heard(copied, 'the copier told nothing')),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#guests, this.#copier].map((part) => part[Symbol.asyncDispose]()));
    await this.#daemon[Symbol.asyncDispose]();
  }
}

async function heard(line: Promise<string | undefined>, otherwise: string): Promise<string> {
  const text = await line;
  if (text === undefined) throw new ShareError(otherwise);
  return text;
}
