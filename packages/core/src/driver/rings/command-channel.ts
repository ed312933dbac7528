// SPDX-License-Identifier: Apache-2.0
/**
 * The driver's end of the command queue: many commands in flight, each in a slot of guest memory that is used again.
 * A command that is not answered in time fails with ETIMEDOUT; its slot stays away until the device gives it back, so
 * that a late answer does no harm.
 */
import type { Clock } from '../../ports/clock.ts';
import type { DriverTransport, GuestBlock } from '../../virtio-device/driver-transport.ts';
import { QueueError } from '../../virtqueue/queue-error.ts';
import type { RingLayout } from '../../virtqueue/ring-layout.ts';
import { DriverQueue } from '../../virtqueue/split/driver-queue.ts';
import { Errno } from '../../wire/errno.gen.ts';
import { VIRTIO_MEDIA_COMMANDQ } from '../../wire/media/virtio-media.ts';
import { CommandSlot, SLOT_BYTES, SLOT_READ_ROOM, SLOT_WRITE_ROOM } from './command-slot.ts';
import { DriverError, IoctlError } from './errors.ts';
import { buildRaw, type RawReply, type RawRequest } from './raw-request.ts';

/** An answer, valid only inside the `finish` that gets it. `used` is the used length, never more than there was room. */
export interface CommandReply {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly used: number;
}

/** Builds a command in `bytes` (all of its readable part). */
export type FillCommand = (bytes: Uint8Array, view: DataView) => void;

interface PendingCommand {
  readonly name: string;
  readonly deadline: number;
  state: 'flying' | 'given up' | 'done';
  complete(used: number): void;
  fail(error: Error): void;
}

/** Parts of a command's chain at most: two that are read, two that are written. */
export const COMMAND_PARTS = 4;

/** Options of the channel. */
export interface CommandChannelOptions {
  readonly clock?: Clock | undefined;
  /** microseconds until a command fails with ETIMEDOUT */
  readonly timeout: number;
  /** answers come back in the memory of the payload, as the Linux driver has it */
  readonly shared: boolean;
  /** called before a command completes: events that were sent before its answer are handled before it */
  readonly beforeCompletion: () => void;
  /** called once if the device broke the ring */
  readonly onBroken: (error: DriverError) => void;
}

/** Counters of the channel. */
export interface CommandStats {
  readonly sent: number;
  readonly kicks: number;
  readonly interrupts: number;
  readonly timeouts: number;
}

/** See the top of the file. */
export class CommandChannel {
  readonly #transport: DriverTransport;
  readonly #queue: DriverQueue<PendingCommand>;
  readonly #o: CommandChannelOptions;
  readonly #slab: GuestBlock;
  readonly #slots: CommandSlot[] = [];
  readonly #waiting: (() => boolean)[] = [];
  readonly #flying = new Set<PendingCommand>();
  /** descriptors that a command may take */
  readonly #parts: number;
  readonly stats = { sent: 0, kicks: 0, interrupts: 0, timeouts: 0 };
  #timer: Disposable | undefined;
  #flush: 'idle' | 'scheduled' = 'idle';
  #state: { kind: 'created' } | { kind: 'running' } | { kind: 'ended'; error: Error } = { kind: 'created' };

  constructor(transport: DriverTransport, layout: RingLayout, o: CommandChannelOptions) {
    this.#transport = transport;
    this.#o = o;
    this.#parts = transport.features.indirect ? 1 : COMMAND_PARTS;
    this.#queue = new DriverQueue<PendingCommand>(transport.memory, layout, transport.features);
    this.#slab = transport.allocate(layout.size * SLOT_BYTES);
    for (let i = layout.size - 1; i >= 0; i--) this.#slots.push(new CommandSlot(this.#slab, i * SLOT_BYTES));
    transport.onInterrupt(VIRTIO_MEDIA_COMMANDQ, () => this.#interrupt());
  }

  /** The ring was handed to the device: from now on it is notified. */
  started(): void {
    if (this.#state.kind === 'created') this.#state = { kind: 'running' };
  }

  /** Fails everything that is or will be asked. */
  end(error: Error): void {
    if (this.#state.kind === 'ended') return;
    this.#state = { kind: 'ended', error };
    this.#timer?.[Symbol.dispose]();
    this.#timer = undefined;
    for (const pending of [...this.#flying]) pending.fail(error);
    for (const start of this.#waiting.splice(0)) start();
  }

  /** Gives the slab back to the transport: only after the queue was stopped. */
  free(): void {
    this.#slab.free();
  }

  /**
   * Sends a command with `readable` bytes, built by `fill`, and room for `writable` bytes of answer. `finish` turns the
   * answer into the result, while no other answer is looked at; what it throws rejects the promise.
   */
  send<T>(name: string, readable: number, writable: number, fill: FillCommand, finish: (reply: CommandReply) => T): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const start = (): boolean => {
        if (this.#state.kind === 'ended') {
          reject(this.#state.error);
          return true;
        }
        const big = readable > SLOT_READ_ROOM || writable > SLOT_WRITE_ROOM || (this.#o.shared && writable + 8 > SLOT_READ_ROOM);
        if (this.#queue.free < this.#parts) return false;
        if (big) return this.#startBig(name, readable, writable, fill, finish, resolve, reject);
        const slot = this.#slots.pop();
        if (slot === undefined) return false;
        fill(slot.read.subarray(0, readable), slot.readView);
        this.#start(name, slot, readable, writable, finish, resolve, reject, () => this.#slots.push(slot));
        return true;
      };
      this.#enqueue(start);
    });
  }

  /** Sends any bytes in any shape; for conformance checks. Resolves to whatever came back. */
  raw(request: RawRequest): Promise<RawReply> {
    return new Promise<RawReply>((resolve, reject) => {
      const start = (): boolean => {
        if (this.#state.kind === 'ended') {
          reject(this.#state.error);
          return true;
        }
        const chain = buildRaw(this.#transport, request);
        const pending = this.#pending('raw command', reject, (used) => {
          resolve(chain.reply(used));
          chain.block.free();
        });
        const table = (request.indirect ?? this.#transport.features.indirect) ? chain.table : undefined;
        try {
          if (this.#queue.add(chain.readable, chain.writable, pending, table)) {
            this.#launch(pending);
            return true;
          }
        } catch (error) {
          reject(error);
          chain.block.free();
          return true;
        }
        chain.block.free();
        return false;
      };
      this.#enqueue(start);
    });
  }

  #enqueue(start: () => boolean): void {
    if (this.#waiting.length > 0 || !start()) this.#waiting.push(start);
  }

  #startBig<T>(
    name: string,
    readable: number,
    writable: number,
    fill: FillCommand,
    finish: (reply: CommandReply) => T,
    resolve: (value: T) => void,
    reject: (error: unknown) => void,
  ): boolean {
    const readRoom = (Math.max(readable, this.#o.shared ? writable + 8 : 0) + 15) & ~15;
    const writeRoom = (writable + 15) & ~15;
    try {
      const block = this.#transport.allocate(CommandSlot.bytes(readRoom, writeRoom));
      const slot = new CommandSlot(block, 0, readRoom, writeRoom);
      fill(slot.read.subarray(0, readable), slot.readView);
      this.#start(name, slot, readable, writable, finish, resolve, reject, () => block.free());
    } catch (error) {
      reject(error);
    }
    return true;
  }

  #start<T>(
    name: string,
    slot: CommandSlot,
    readable: number,
    writable: number,
    finish: (reply: CommandReply) => T,
    resolve: (value: T) => void,
    reject: (error: unknown) => void,
    release: () => void,
  ): void {
    const pending = this.#pending(
      name,
      reject,
      (used) => {
        slot.collect();
        try {
          resolve(finish({ bytes: slot.write, view: slot.writeView, used: Math.min(used, writable) }));
        } catch (error) {
          reject(error);
        }
      },
      release,
    );
    const shared = this.#o.shared && readable > 16 && writable > 8;
    const table = this.#transport.features.indirect ? slot.table : undefined;
    if (!this.#queue.add(slot.readable(readable, shared), slot.writable(writable, shared), pending, table)) {
      throw new DriverError('the command queue is full although it said that it has room');
    }
    this.#launch(pending);
  }

  #pending(name: string, reject: (error: Error) => void, complete: (used: number) => void, release?: () => void): PendingCommand {
    const pending: PendingCommand = {
      name,
      deadline: this.#o.clock === undefined ? Number.POSITIVE_INFINITY : this.#o.clock.now() + this.#o.timeout,
      state: 'flying',
      complete: (used) => {
        this.#flying.delete(pending);
        if (pending.state === 'flying') {
          pending.state = 'done';
          complete(used);
        }
        release?.();
      },
      fail: (error) => {
        this.#flying.delete(pending);
        if (pending.state !== 'flying') return;
        pending.state = 'given up';
        reject(error);
      },
    };
    return pending;
  }

  #launch(pending: PendingCommand): void {
    this.#flying.add(pending);
    this.stats.sent += 1;
    this.#arm();
    if (this.#flush === 'scheduled') return;
    // Commands of one turn go out together, with at most one doorbell.
    this.#flush = 'scheduled';
    void Promise.resolve().then(() => this.#publish());
  }

  #publish(): void {
    this.#flush = 'idle';
    this.#guard(() => {
      const kick = this.#queue.flush();
      if (!kick || this.#state.kind !== 'running') return;
      this.stats.kicks += 1;
      this.#transport.notify(VIRTIO_MEDIA_COMMANDQ);
    });
  }

  #interrupt(): void {
    this.stats.interrupts += 1;
    this.#guard(() => {
      do {
        this.#queue.disableInterrupts();
        for (let done = this.#queue.poll(); done !== undefined; done = this.#queue.poll()) {
          this.#o.beforeCompletion();
          done.token.complete(done.written);
        }
      } while (this.#queue.enableInterrupts());
    });
    while (this.#waiting.length > 0 && this.#waiting[0]?.()) this.#waiting.shift();
  }

  /** Runs what touches the ring; a ring that the device broke ends the driver. */
  #guard(action: () => void): void {
    if (this.#state.kind === 'ended') return;
    try {
      action();
    } catch (error) {
      if (!(error instanceof QueueError)) throw error;
      const broken = new DriverError(`the device broke the command queue: ${error.message}`);
      this.end(broken);
      this.#o.onBroken(broken);
    }
  }

  #arm(): void {
    const clock = this.#o.clock;
    if (clock === undefined || this.#timer !== undefined) return;
    // Every command has the same timeout, so the oldest one is due first and one timer is enough.
    const oldest = this.#flying.values().next();
    if (oldest.done) return;
    this.#timer = clock.at(oldest.value.deadline, () => {
      this.#timer = undefined;
      const now = clock.now();
      for (const pending of [...this.#flying]) {
        if (pending.deadline > now) break;
        this.stats.timeouts += 1;
        pending.fail(new IoctlError(pending.name, Errno.ETIMEDOUT, 'no answer from the device'));
      }
      this.#arm();
    });
  }
}
