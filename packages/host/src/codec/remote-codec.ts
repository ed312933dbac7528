// SPDX-License-Identifier: Apache-2.0
/**
 * One stream of a codec process, as the daemon sees it: the `Codec` port on one side, numbers on the other. The daemon trusts nothing
 * that the process says: what comes back must have been lent, sizes must make sense, and a report must be possible in the
 * present state. Anything else is a ChildProtocolError, and the process is killed.
 *
 * Memory of the guest is staged: inputs are copied into the arena before the process hears of them, results out of it
 * before the user does. Both keep their order (`InOrder`).
 *
 * A process that is only just starting is told nothing: what is asked meanwhile waits here, and can be taken back at once.
 *
 *   open --close--> closing --confirmed--> closed;   open, closing --process died--> ended
 */
import {
  type ArenaBlock,
  arenaOffset,
  type BufferAccess,
  type BufferMemory,
  type Codec,
  type CodecEvents,
  type CodecTarget,
} from '@paravideo/core';
import { VIDEO_CODECS, type VideoCodec } from '../av/index.ts';
import { ChildProtocolError } from '../isolation/child/index.ts';
import { CodecError } from './codec-error.ts';
import type { CodecReport, CodecRequest } from './codec-messages.ts';
import { InOrder } from './in-order.ts';
import type { Staging } from './staging.ts';

/** What a stream needs of its host. */
export interface RemoteHost {
  readonly access: BufferAccess;
  readonly arenaAddress: number;
  /** whether the process listens already; if not, `ready` is called when it does */
  readonly answering: boolean;
  send(request: CodecRequest): void;
  /** `what` was asked and must be confirmed in time; disposed when it was. */
  watch(what: string): Disposable;
  /** The stream is no more. */
  forget(stream: number): void;
}

/** What a stream is made of. */
export interface RemoteCodecOptions<Events extends CodecEvents> {
  readonly stream: number;
  readonly codec: VideoCodec;
  readonly threads: number;
  readonly events: Events;
  readonly host: RemoteHost;
  /** this stream's own, closed with it */
  readonly staging: Staging;
}

/** The report of a kind. */
export type ReportOf<K extends CodecReport['kind']> = Extract<CodecReport, { kind: K }>;

/** Bytes of an input that the codec is to read. */
export interface InputPiece {
  readonly memory: BufferMemory;
  readonly offset: number;
  readonly length: number;
}

/** By request that the process must confirm: the requests that it takes back while they still wait here. */
const TAKEN_BACK: Readonly<Record<'flush' | 'recall' | 'close', readonly CodecRequest['kind'][]>> = {
  flush: ['decode', 'drain'],
  recall: ['supply'],
  close: ['open', 'decode', 'drain', 'supply', 'output'],
};

interface LentInput {
  readonly staged: readonly ArenaBlock[];
  /** flushes that had been asked for when it was lent */
  readonly flushEpoch: number;
}

interface LentTarget {
  readonly id: number;
  readonly planes: readonly BufferMemory[];
  /** where the process writes: the planes themselves, or blocks that are copied to them */
  readonly written: readonly { readonly offset: number; readonly length: number }[];
  readonly staged: readonly ArenaBlock[];
  /** recalls that had been asked for when it was lent */
  readonly recallEpoch: number;
}

interface PendingAnswer {
  readonly watch: Disposable;
  readonly done: () => void;
}

/** See the top of the file. A decoder or an encoder adds its own requests and what it makes of the reports about results. */
export abstract class RemoteCodec<Events extends CodecEvents> implements Codec {
  protected readonly stream: number;
  protected readonly codec: VideoCodec;
  protected readonly events: Events;
  readonly #host: RemoteHost;
  readonly #staging: Staging;
  readonly #out = new InOrder();
  readonly #in = new InOrder();
  readonly #inputs = new Map<number, LentInput>();
  readonly #targets = new Map<number, LentTarget>();
  /** targets that wait for room in the arena */
  #waitingForArena: CodecTarget[] = [];
  readonly #pending: PendingAnswer[] = [];
  /** copies in flight: guest memory is being read or written */
  readonly #copies = new Set<Promise<unknown>>();
  /** what the process is told when it listens; undefined once it does */
  #early: CodecRequest[] | undefined;
  #state: 'open' | 'closing' | 'ended' = 'open';
  #drains = 0;
  #highestInput = -1;
  #flushes = { asked: 0, confirmed: 0 };
  #recalls = { asked: 0, confirmed: 0 };

  constructor(o: RemoteCodecOptions<Events>) {
    this.stream = o.stream;
    this.codec = o.codec;
    this.events = o.events;
    this.#host = o.host;
    this.#staging = o.staging;
    this.#early = o.host.answering ? undefined : [];
    this.#send({ kind: 'open', stream: o.stream, codec: VIDEO_CODECS.indexOf(o.codec), threads: o.threads });
  }

  /** Whether the process owes a confirmation, or has inputs and room for results. It may still need more inputs for a result. */
  get working(): boolean {
    return this.#pending.length > 0 || (this.#inputs.size > 0 && this.#targets.size > 0);
  }

  /** The process listens. */
  ready(): void {
    const early = this.#early ?? [];
    this.#early = undefined;
    for (const request of early) this.#send(request);
  }

  supply(target: CodecTarget): void {
    if (!this.usable) return;
    const sizes = this.sizesOf(target);
    if (this.#targets.has(target.id)) throw new CodecError(`target ${target.id} is lent already`);
    const direct = target.planes.every((plane) => arenaOffset(plane) !== undefined);
    const staged = direct ? [] : this.#staging.takeAll(sizes);
    if (staged === undefined) {
      this.#waitingForArena.push(target);
      return;
    }
    const offsets = direct ? target.planes.map(arenaOffset) : staged.map(({ offset }) => offset);
    const written = sizes.map((length, i) => ({ offset: offsets[i] ?? 0, length }));
    this.#lend({ id: target.id, planes: target.planes, written, staged, recallEpoch: this.#recalls.asked });
  }

  drain(): void {
    if (!this.usable) return;
    this.#drains += 1;
    this.sendUnlessFlushed({ kind: 'drain', stream: this.stream });
  }

  async flush(): Promise<void> {
    if (!this.usable) return;
    this.#flushes.asked += 1;
    this.#drains = 0;
    await this.#ask('flush', this.flushRequest(), () => {
      this.#flushes.confirmed += 1;
      for (const [id, input] of this.#inputs) if (input.flushEpoch < this.#flushes.confirmed) this.#dropInput(id, input);
    });
  }

  async recall(): Promise<void> {
    if (!this.usable) return;
    this.#recalls.asked += 1;
    this.#waitingForArena = [];
    await this.#ask('recall', { kind: 'recall', stream: this.stream }, () => {
      this.#recalls.confirmed += 1;
      for (const [id, target] of this.#targets) {
        if (target.recallEpoch >= this.#recalls.confirmed) continue;
        this.#targets.delete(id);
        this.#staging.give(target.staged);
      }
      this.#staging.trim();
    });
  }

  async close(): Promise<void> {
    if (this.#state !== 'open') {
      await Promise.allSettled([...this.#copies]);
      return;
    }
    this.#state = 'closing';
    await this.#ask('close', { kind: 'close', stream: this.stream }, () => {
      this.#state = 'ended';
      this.#host.forget(this.stream);
    });
    this.#releaseAll();
  }

  /** A report of the process about this stream. Throws ChildProtocolError. */
  hear(report: CodecReport): void {
    if (this.#state === 'ended') return;
    switch (report.kind) {
      case 'inputDone':
        this.#hearInputDone(report);
        break;
      case 'drained':
        this.#hearDrained();
        break;
      case 'confirmed':
        this.#hearConfirmed();
        break;
      case 'broken':
        void this.end('the codec ran out of memory or found a fault in itself');
        break;
      case 'format':
      case 'picture':
        this.hearResult(report);
        break;
      case 'ready':
      case 'pong':
        break;
    }
  }

  /** The process, or the codec in it, is dead: it writes nothing any more. */
  async end(reason: string): Promise<void> {
    if (this.#state === 'ended') return;
    const tell = this.#state === 'open';
    this.#state = 'ended';
    this.#host.forget(this.stream);
    for (const { watch } of this.#pending) watch[Symbol.dispose]();
    await Promise.allSettled([...this.#copies]);
    this.#releaseAll();
    if (tell) this.events.failed(reason);
    for (const { done } of this.#pending.splice(0)) done();
  }

  /** Bytes that a target holds, per plane. Throws CodecError if it cannot hold a result. */
  protected abstract sizesOf(target: CodecTarget): readonly number[];

  /** What a flush asks of the process. */
  protected abstract flushRequest(): CodecRequest;

  /** A report about what is made of inputs. Throws ChildProtocolError. */
  protected abstract hearResult(report: ReportOf<'format' | 'picture'>): void;

  /** False once the stream is closing or has ended: calls have no effect then. */
  protected get usable(): boolean {
    return this.#state === 'open';
  }

  /** Whether a flush was asked for that the process has not confirmed: what it reports is of the past. */
  protected get flushing(): boolean {
    return this.#flushes.asked !== this.#flushes.confirmed;
  }

  /**
   * Lends an input: stages the pieces that lie in guest memory, then gives their places in the arena to `request`. An input that cannot be
   * staged comes back as not done.
   */
  protected lendInput(id: number, pieces: readonly InputPiece[], request: (places: readonly number[]) => CodecRequest): void {
    for (const { memory, offset, length } of pieces) {
      if (offset < 0 || length < 0 || offset + length > memory.length) {
        throw new CodecError(`input ${id}: ${length} bytes at ${offset} are not inside its memory of ${memory.length} bytes`);
      }
    }
    if (this.#inputs.has(id)) throw new CodecError(`input ${id} is lent already`);
    const flushEpoch = this.#flushes.asked;
    this.#highestInput = Math.max(this.#highestInput, id);
    const foreign = pieces.filter(({ memory }) => arenaOffset(memory) === undefined);
    const staged = this.#staging.takeAll(foreign.map(({ length }) => length));
    this.#inputs.set(id, { staged: staged ?? [], flushEpoch });
    let loaded = staged !== undefined;
    const loads = (staged ?? []).map(async (block, i) => {
      const { memory, offset, length } = foreign[i] as InputPiece;
      if (!(await this.#host.access.load(memory, offset, { kind: 'arena', offset: block.offset, length }))) loaded = false;
    });
    const load = foreign.length === 0 ? undefined : Promise.all(loads);
    if (load !== undefined) this.#copying(load);
    this.#out.add(() => {
      if (!loaded) {
        this.#in.add(() => this.#inputDone(id, flushEpoch, false));
        return;
      }
      // A flush that was asked for meanwhile has dropped the input.
      if (flushEpoch !== this.#flushes.asked) return;
      let next = 0;
      this.#send(
        request(
          pieces.map(({ memory, offset }) => {
            const at = arenaOffset(memory);
            return at === undefined ? (staged?.[next++]?.offset ?? 0) : at + offset;
          }),
        ),
      );
    }, load);
  }

  /** Sends a request in its turn, whatever happens meanwhile. */
  protected sendInTurn(request: CodecRequest): void {
    this.#out.add(() => this.#send(request));
  }

  /** Sends a request in its turn, unless a flush was asked for by then. */
  protected sendUnlessFlushed(request: CodecRequest): void {
    const flushEpoch = this.#flushes.asked;
    this.#out.add(() => {
      if (flushEpoch === this.#flushes.asked) this.#send(request);
    });
  }

  /** Tells the user something in its turn, unless a flush was asked for by then or the stream is closing. */
  protected tell(what: () => void): void {
    const flushEpoch = this.#flushes.asked;
    this.#in.add(() => {
      if (flushEpoch === this.#flushes.asked && this.#state === 'open') what();
    });
  }

  /**
   * A result is in a target, that of an input: copies it out if it was staged, and tells in its turn. `tell` is given the bytes of
   * each plane, and whether they are where they are to be. Throws ChildProtocolError if it cannot be.
   */
  protected takeResult(
    { targetId, inputId }: { readonly targetId: number; readonly inputId: number },
    tell: (bytes: readonly number[], stored: boolean) => void,
  ): void {
    const target = this.#targets.get(targetId);
    if (target === undefined || inputId < 0 || inputId > this.#highestInput) {
      throw new ChildProtocolError(`stream ${this.stream}: nothing of input ${inputId} can be in target ${targetId}`);
    }
    this.#targets.delete(targetId);
    const flushEpoch = this.#flushes.asked;
    // A stream that is being closed drops its results: nobody waits for them, and its guest pages may have another owner by now.
    const dropped = this.flushing || this.#state !== 'open';
    let stored = true;
    const copy =
      target.staged.length === 0 || dropped
        ? undefined
        : this.#store(target).then((ok) => {
            stored = ok;
          });
    this.#in.add(() => {
      if (dropped || flushEpoch !== this.#flushes.asked) {
        this.#keepLent(target);
        return;
      }
      this.#staging.give(target.staged);
      this.#supplyWaiting();
      if (this.#state !== 'open') return;
      tell(
        target.written.map(({ length }) => length),
        stored,
      );
    }, copy);
  }

  #hearInputDone({ id, ok }: ReportOf<'inputDone'>): void {
    const input = this.#inputs.get(id);
    if (input === undefined || ok < 0 || ok > 1)
      throw new ChildProtocolError(`stream ${this.stream}: input ${id} is not lent, or done as ${ok}`);
    this.#in.add(() => this.#inputDone(id, input.flushEpoch, ok === 1));
  }

  #hearDrained(): void {
    if (this.flushing) return;
    if (this.#drains === 0) throw new ChildProtocolError(`stream ${this.stream}: nobody asked for a drain`);
    this.#drains -= 1;
    this.tell(() => this.events.drained());
  }

  #hearConfirmed(): void {
    const pending = this.#pending.shift();
    if (pending === undefined) throw new ChildProtocolError(`stream ${this.stream}: nothing was asked that could be confirmed`);
    pending.watch[Symbol.dispose]();
    this.#in.add(pending.done);
  }

  #inputDone(id: number, flushEpoch: number, ok: boolean): void {
    const input = this.#inputs.get(id);
    if (input === undefined || input.flushEpoch !== flushEpoch) return;
    // What a flush has dropped is free when the flush is over.
    if (flushEpoch !== this.#flushes.asked) return;
    this.#dropInput(id, input);
    if (this.#state === 'open') this.events.inputDone(id, ok);
  }

  #dropInput(id: number, input: LentInput): void {
    this.#inputs.delete(id);
    this.#staging.give(input.staged);
  }

  #lend(target: LentTarget): void {
    this.#targets.set(target.id, target);
    const rest = target.written.flatMap(({ offset, length }) => [offset, length]);
    this.#out.add(() => {
      // A recall that was asked for while an input was copied has taken the target back: the process must not write to it.
      if (target.recallEpoch === this.#recalls.asked) this.#send({ kind: 'supply', stream: this.stream, id: target.id, rest });
    });
  }

  /** A result was flushed away after it had been written: its target stays lent. */
  #keepLent(target: LentTarget): void {
    if (target.recallEpoch === this.#recalls.asked && this.#state === 'open') this.#lend(target);
    else this.#staging.give(target.staged);
  }

  #supplyWaiting(): void {
    const targets = this.#waitingForArena;
    if (targets.length === 0) return;
    this.#waitingForArena = [];
    for (const target of targets) this.supply(target);
  }

  #store(target: LentTarget): Promise<boolean> {
    const from = target.written.map(({ offset, length }) => ({
      kind: 'address' as const,
      address: this.#host.arenaAddress + offset,
      length,
    }));
    return this.#copying(this.#host.access.store(from, target.planes));
  }

  #copying<T>(copy: Promise<T>): Promise<T> {
    this.#copies.add(copy);
    const over = (): void => {
      this.#copies.delete(copy);
    };
    copy.then(over, over);
    return copy;
  }

  /** Sends a request that the process must confirm; resolves when it did and no copy is in flight, or when it is dead. */
  async #ask(what: 'flush' | 'recall' | 'close', request: CodecRequest, confirmed: () => void): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const done = (): void => {
      if (this.#state !== 'ended') confirmed();
      resolve();
    };
    if (this.#early === undefined) {
      this.#pending.push({ watch: this.#host.watch(`${what} of stream ${this.stream}`), done });
      this.#send(request);
    } else {
      // Nothing was lent yet: it is taken back without asking.
      this.#early = this.#early.filter(({ kind }) => !TAKEN_BACK[what].includes(kind));
      this.#in.add(done);
    }
    await promise;
    await Promise.allSettled([...this.#copies]);
  }

  #send(request: CodecRequest): void {
    if (this.#state === 'ended') return;
    if (this.#early === undefined) this.#host.send(request);
    else this.#early.push(request);
  }

  #releaseAll(): void {
    for (const [id, input] of this.#inputs) this.#dropInput(id, input);
    for (const target of this.#targets.values()) this.#staging.give(target.staged);
    this.#targets.clear();
    this.#waitingForArena = [];
    this.#staging.close();
  }
}
