// SPDX-License-Identifier: Apache-2.0
/**
 * The copies between producers' memory, arenas and guest pages. The event loop only works out addresses: it resolves guest
 * memory, pins what a job touches, and hands triples of numbers to worker threads. Pins go when the job is answered, so a
 * region that the guest's front-end takes away in mid-copy stays mapped until the last byte has moved.
 *
 * Guests take turns: whoever waits gets a job to the threads before another gets its second, however many that one has.
 */
import {
  type BufferAccess,
  type BufferMemory,
  type GuestRange,
  type MemoryGate,
  type MemoryPart,
  type PlaneStorage,
  storedBytes,
} from '@paravideo/core';
import { KeptThread, type KeptThreadOptions } from '../../isolation/worker/index.ts';
import type { MemoryMapping } from '../../sys/index.ts';
import { CopyError } from './copy-error.ts';
import { type MemoryRun, planCopy, slice, totalLength } from './copy-plan.ts';
import type { CopyAnswer, CopyJob, CopyRequest, HeapCopy } from './worker-messages.ts';

/** Jobs that may wait for or be in the threads at one time; beyond that a copy answers false. Far above 32 buffers x sessions. */
const MAX_JOBS = 4096;
/** The same for one guest. */
const GUEST_JOBS = 1024;
/** Bytes of a guest's jobs that may wait or be copied; with more the next answers false. One job of any length may. */
const GUEST_BYTES = 1 << 30;
/**
 * Bytes given to one thread before it has answered; more waits here, where any thread can take it, and another guest can come first. Five
 * pictures of 1080p: what many guests of a camera need at once goes out in few messages.
 */
const THREAD_BYTES = 16 << 20;

/** A guest's memory as the copies need it; `Arena` and `HostGuestMemory` are such. */
export interface GuestMemoryAccess {
  readonly arena: { readonly mapping: Pick<MemoryMapping, 'address' | 'length' | 'open' | 'pin'> };
  readonly memory: {
    readonly gate: MemoryGate;
    resolve(
      ranges: readonly GuestRange[],
      length: number,
    ): { readonly pieces: readonly MemoryRun[]; readonly pin: Disposable } | undefined;
  };
}

type CopyLog = NonNullable<KeptThreadOptions<never>['log']>;

/** One guest's copies. */
interface CopyCustomer {
  readonly guest: GuestMemoryAccess;
  /** planned, not yet with a thread */
  readonly waiting: PendingCopy[];
  /** of its jobs that are not answered */
  jobs: number;
  bytes: number;
}

/** What a pool has done, for benchmarks and logs. */
export interface CopyPoolStats {
  /** jobs that were carried out */
  readonly jobs: number;
  /** bytes that they moved */
  readonly bytes: number;
  /** jobs that died with their thread, came too many at a time or after the end */
  readonly failed: number;
  /** threads that died */
  readonly deaths: number;
}

interface PendingCopy {
  readonly customer: CopyCustomer;
  readonly job: CopyJob;
  readonly bytes: number;
  readonly pins: readonly Disposable[];
  readonly resolve: (done: boolean) => void;
}

interface CopyLane {
  readonly thread: KeptThread<CopyRequest, CopyAnswer>;
  readonly jobs: Map<number, PendingCopy>;
  bytes: number;
}

function release(pins: readonly Disposable[]): void {
  for (const pin of pins) pin[Symbol.dispose]();
}

/**
 * Threads that copy. State of the pool: running --close--> draining --last job--> closed. In every state but running,
 * copies answer false; so they do while every thread that there was has died and the next is waited for.
 */
export class CopyPool implements AsyncDisposable {
  readonly #threads: number;
  readonly #lanes: CopyLane[] = [];
  readonly #log: CopyLog | undefined;
  /** guests with jobs that wait, in the order of their turns */
  #turns: CopyCustomer[] = [];
  #state: 'running' | 'draining' | 'closed' = 'running';
  #flushing = false;
  #nextId = 1;
  #held = 0;
  #stats = { jobs: 0, bytes: 0, failed: 0, deaths: 0 };
  #drained = Promise.withResolvers<void>();
  #closed: Promise<void> | undefined;

  private constructor(threads: number, log: CopyLog | undefined) {
    this.#threads = threads;
    this.#log = log;
  }

  /** A pool of `threads` threads, at least 1, whose deaths and returns are told to `log`. They start with the first guest. */
  static start(threads: number, log?: CopyLog): CopyPool {
    if (!Number.isInteger(threads) || threads < 1) throw new CopyError(`a copy pool of ${threads} threads: it needs at least 1`);
    return new CopyPool(threads, log);
  }

  get stats(): CopyPoolStats {
    return { ...this.#stats };
  }

  /** jobs that are not answered yet */
  get pending(): number {
    return this.#held;
  }

  get state(): 'running' | 'draining' | 'closed' {
    return this.#state;
  }

  /** The copies of one guest. `store` and `load` throw nothing and reject nothing. */
  access(guest: GuestMemoryAccess): BufferAccess {
    const customer: CopyCustomer = { guest, waiting: [], jobs: 0, bytes: 0 };
    if (this.#state === 'running') while (this.#lanes.length < this.#threads) this.#lanes.push(this.#lane());
    const { gate } = guest.memory;
    return {
      get open() {
        return gate.open;
      },
      store: (from, to) => gate.enter(() => this.#store(customer, from, to)),
      load: (from, offset, to) => gate.enter(() => this.#load(customer, from, offset, to)),
      fetch: (from, to) => gate.enter(() => this.#fetch(customer, from, to)),
    };
  }

  /** Lets what was begun end, then ends the threads. Nothing is copied any more when it resolves. */
  close(): Promise<void> {
    this.#closed ??= (async () => {
      if (this.#state === 'running') this.#state = 'draining';
      if (this.#held > 0) await this.#drained.promise;
      this.#state = 'closed';
      await Promise.all(this.#lanes.map((lane) => lane.thread.close()));
    })();
    return this.#closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #store(customer: CopyCustomer, from: readonly PlaneStorage[], to: readonly BufferMemory[]): Promise<boolean> {
    const pins: Disposable[] = [];
    const steps: number[] = [];
    const heap: HeapCopy[] = [];
    let bytes = 0;
    for (const [i, plane] of from.entries()) {
      const target = to[i];
      if (target === undefined) return this.#refuse(pins);
      const length = Math.min(storedBytes(plane), target.length);
      const runs = this.#runs(customer.guest, target, length, pins);
      if (runs === undefined) return this.#refuse(pins);
      bytes += length;
      switch (plane.kind) {
        case 'address':
          planCopy([{ address: plane.address, length }], runs, steps);
          break;
        case 'bytes':
          // A snapshot made by the constructor: a Buffer's own slice() would share its memory.
          if (length > 0) heap.push({ to: slice(runs, 0, length), bytes: new Uint8Array(plane.bytes.subarray(0, length)) });
          break;
        default:
          plane satisfies never;
      }
    }
    return this.#submit(customer, steps, heap, bytes, pins);
  }

  #load(customer: CopyCustomer, from: BufferMemory, offset: number, to: BufferMemory): Promise<boolean> {
    const pins: Disposable[] = [];
    if (!Number.isSafeInteger(offset) || offset < 0 || offset + to.length > from.length) return this.#refuse(pins);
    const source = this.#runs(customer.guest, from, offset + to.length, pins);
    const target = this.#runs(customer.guest, to, to.length, pins);
    if (source === undefined || target === undefined) return this.#refuse(pins);
    const steps: number[] = [];
    planCopy(slice(source, offset, to.length), target, steps);
    return this.#submit(customer, steps, [], to.length, pins);
  }

  #fetch(customer: CopyCustomer, from: readonly MemoryPart[], to: readonly PlaneStorage[]): Promise<boolean> {
    const pins: Disposable[] = [];
    const steps: number[] = [];
    let bytes = 0;
    for (const [i, plane] of to.entries()) {
      const part = from[i];
      // A thread writes to mapped memory; a heap it cannot reach.
      if (part === undefined || plane.kind !== 'address') return this.#refuse(pins);
      const { memory, offset } = part;
      const end = offset + plane.length;
      if (!Number.isSafeInteger(offset) || offset < 0 || end > memory.length) return this.#refuse(pins);
      const runs = this.#runs(customer.guest, memory, end, pins);
      if (runs === undefined) return this.#refuse(pins);
      planCopy(slice(runs, offset, plane.length), [plane], steps);
      bytes += plane.length;
    }
    return this.#submit(customer, steps, [], bytes, pins);
  }

  /** Where the first `length` bytes lie, pinned; undefined if they are not (all) there. */
  #runs(
    { arena, memory: guest }: GuestMemoryAccess,
    memory: BufferMemory,
    length: number,
    pins: Disposable[],
  ): readonly MemoryRun[] | undefined {
    switch (memory.kind) {
      case 'arena': {
        const { offset } = memory;
        const inside = Number.isSafeInteger(offset) && Number.isSafeInteger(length) && offset >= 0 && length >= 0;
        if (!inside || !arena.mapping.open || offset + length > arena.mapping.length) return undefined;
        pins.push(arena.mapping.pin());
        return [{ address: arena.mapping.address + offset, length }];
      }
      case 'guest': {
        const resolved = guest.resolve(memory.ranges, length);
        if (resolved === undefined) return undefined;
        pins.push(resolved.pin);
        return totalLength(resolved.pieces) < length ? undefined : resolved.pieces;
      }
      default:
        return memory satisfies never;
    }
  }

  #refuse(pins: readonly Disposable[]): Promise<boolean> {
    release(pins);
    return Promise.resolve(false);
  }

  #submit(
    customer: CopyCustomer,
    steps: readonly number[],
    heap: readonly HeapCopy[],
    bytes: number,
    pins: readonly Disposable[],
  ): Promise<boolean> {
    const crowded = customer.jobs >= GUEST_JOBS || (customer.jobs > 0 && customer.bytes + bytes > GUEST_BYTES);
    if (this.#state !== 'running' || this.#held >= MAX_JOBS || crowded) {
      this.#stats.failed++;
      return this.#refuse(pins);
    }
    if (bytes === 0) {
      release(pins);
      return Promise.resolve(true);
    }
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const job: CopyJob = heap.length > 0 ? { id: this.#nextId++, steps, heap } : { id: this.#nextId++, steps };
    this.#held++;
    customer.jobs++;
    customer.bytes += bytes;
    if (customer.waiting.length === 0) this.#turns.push(customer);
    customer.waiting.push({ customer, job, bytes, pins, resolve });
    if (!this.#flushing) {
      // What one turn of the loop asks for goes out together.
      this.#flushing = true;
      queueMicrotask(() => {
        this.#flushing = false;
        this.#flush();
      });
    }
    return promise;
  }

  /** Gives waiting jobs to the threads with the least to do, one of each guest by turns, one message a thread. */
  #flush(): void {
    if (this.#turns.length === 0) return;
    const lanes = this.#lanes.filter(({ thread }) => thread.running);
    if (lanes.length === 0) return this.#giveUp();
    const batches = new Map<CopyLane, CopyJob[]>();
    for (let customer = this.#turns[0]; customer !== undefined; customer = this.#turns[0]) {
      const [pending] = customer.waiting;
      if (pending === undefined) {
        this.#turns.shift();
        continue;
      }
      const lane = lanes.reduce((best, other) => (other.bytes < best.bytes ? other : best));
      if (lane.bytes > 0 && lane.bytes + pending.bytes > THREAD_BYTES) break;
      lane.bytes += pending.bytes;
      lane.jobs.set(pending.job.id, pending);
      const batch = batches.get(lane);
      if (batch === undefined) batches.set(lane, [pending.job]);
      else batch.push(pending.job);
      customer.waiting.shift();
      this.#turns.shift();
      if (customer.waiting.length > 0) this.#turns.push(customer);
    }
    for (const [lane, jobs] of batches) {
      lane.thread.busy = true;
      // Bytes from the heap are copies already: they change hands instead of being cloned once more.
      const moved = jobs.flatMap((job) => job.heap?.map((part) => part.bytes.buffer) ?? []);
      lane.thread.post(jobs, moved);
    }
  }

  /** No thread is there: those that wait are told so. */
  #giveUp(): void {
    for (const customer of this.#turns.splice(0)) {
      for (const pending of customer.waiting.splice(0)) this.#settle(pending, false);
    }
  }

  #lane(): CopyLane {
    const thread = new KeptThread<CopyRequest, CopyAnswer>({
      module: './copy-worker',
      base: import.meta.url,
      name: 'copy',
      log: this.#log,
      message: (ids) => this.#answered(lane, ids),
      died: (_reason, wait) => this.#died(lane, wait),
      restarted: () => this.#flush(),
    });
    const lane: CopyLane = { thread, jobs: new Map(), bytes: 0 };
    return lane;
  }

  #answered(lane: CopyLane, ids: CopyAnswer): void {
    for (const id of ids) {
      const pending = lane.jobs.get(id);
      if (pending === undefined) continue;
      lane.jobs.delete(id);
      lane.bytes -= pending.bytes;
      this.#stats.jobs++;
      this.#stats.bytes += pending.bytes;
      this.#settle(pending, true);
    }
    lane.thread.busy = lane.jobs.size > 0;
    this.#flush();
  }

  #died(lane: CopyLane, wait: number): void {
    this.#stats.deaths++;
    const lost = [...lane.jobs.values()];
    lane.jobs.clear();
    lane.bytes = 0;
    for (const pending of lost) this.#settle(pending, false);
    // Without a wait its successor takes what is left.
    if (wait > 0) this.#flush();
  }

  #settle(pending: PendingCopy, done: boolean): void {
    release(pending.pins);
    pending.customer.jobs--;
    pending.customer.bytes -= pending.bytes;
    if (!done) this.#stats.failed++;
    this.#held--;
    pending.resolve(done);
    if (this.#held === 0 && this.#state !== 'running') this.#drained.resolve();
  }
}
