// SPDX-License-Identifier: Apache-2.0
/**
 * One stream of a codec process, as the daemon sees it: the `Decoder` port on one side, numbers on the other. The daemon
 * trusts nothing that the process says: what comes back must have been lent, sizes must make sense, and a report must be
 * possible in the present state. Anything else is a ChildProtocolError, and the process is killed.
 *
 * Memory of the guest is staged: inputs are copied into the arena before the process hears of them, pictures out of it
 * before the user does. Both keep their order (`InOrder`).
 *
 * A process that is only just starting is told nothing: what is asked meanwhile waits here, and can be taken back at once.
 *
 *   open --close--> closing --confirmed--> closed;   open, closing --process died--> ended
 */
import {
  type ArenaBlock,
  type BufferAccess,
  type BufferMemory,
  type CodecTarget,
  type CodedInput,
  type Decoder,
  type DecoderEvents,
  fitsInto,
  type PictureLayout,
} from '@paravideo/core';
import { takesDecoded, VIDEO_CODECS, type VideoCodec } from '../av/index.ts';
import { ChildProtocolError } from '../isolation/child/index.ts';
import { CodecError } from './codec-error.ts';
import { type CodecReport, type CodecRequest, PICTURE_TYPES } from './codec-messages.ts';
import { InOrder } from './in-order.ts';
import { layoutNumbers } from './layout-numbers.ts';
import { fieldOf, streamFormat } from './report-checks.ts';
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

/** By request that the process must confirm: the requests that it takes back while they still wait here. */
const TAKEN_BACK: Readonly<Record<'flush' | 'recall' | 'close', readonly CodecRequest['kind'][]>> = {
  flush: ['decode', 'drain'],
  recall: ['supply'],
  close: ['open', 'decode', 'drain', 'supply', 'output'],
};

type ReportOf<K extends CodecReport['kind']> = Extract<CodecReport, { kind: K }>;

interface LentInput {
  readonly staged: readonly ArenaBlock[];
  /** flushes that had been asked for when it was lent */
  readonly era: number;
}

interface LentTarget {
  readonly id: number;
  readonly planes: readonly BufferMemory[];
  /** where the process writes: the planes themselves, or blocks that are copied to them */
  readonly written: readonly { readonly offset: number; readonly length: number }[];
  readonly staged: readonly ArenaBlock[];
  /** recalls that had been asked for when it was lent */
  readonly era: number;
  readonly sizes: readonly number[];
}

interface PendingAnswer {
  readonly watch: Disposable;
  readonly done: () => void;
}

export class RemoteDecoder implements Decoder {
  readonly #stream: number;
  readonly #codec: VideoCodec;
  readonly #events: DecoderEvents;
  readonly #host: RemoteHost;
  readonly #staging: Staging;
  readonly #out = new InOrder();
  readonly #in = new InOrder();
  readonly #inputs = new Map<number, LentInput>();
  readonly #targets = new Map<number, LentTarget>();
  /** targets that wait for room in the arena */
  #starved: CodecTarget[] = [];
  readonly #pending: PendingAnswer[] = [];
  /** copies in flight: guest memory is being read or written */
  readonly #copies = new Set<Promise<unknown>>();
  /** what the process is told when it listens; undefined once it does */
  #early: CodecRequest[] | undefined;
  #state: 'open' | 'closing' | 'ended' = 'open';
  #layout: PictureLayout | undefined;
  /**
   * format serials: `accepted` is the last that the process reported, `told` the last that the user heard of, `answered` the last
   * for which the user gave a layout
   */
  readonly #serial = { told: 0, accepted: 0, answered: 0 };
  #size = { codedWidth: 0, codedHeight: 0 };
  #drains = 0;
  #highestInput = -1;
  #flushes = { asked: 0, confirmed: 0 };
  #recalls = { asked: 0, confirmed: 0 };

  constructor(o: {
    stream: number;
    codec: VideoCodec;
    threads: number;
    events: DecoderEvents;
    host: RemoteHost;
    /** this stream's own, closed with it */
    staging: Staging;
  }) {
    this.#stream = o.stream;
    this.#codec = o.codec;
    this.#events = o.events;
    this.#host = o.host;
    this.#staging = o.staging;
    this.#early = o.host.answering ? undefined : [];
    this.#send({ kind: 'open', stream: o.stream, codec: VIDEO_CODECS.indexOf(o.codec), threads: o.threads });
  }

  /** Whether the process owes a confirmation, or has units and room for pictures. It may still need more units for a picture. */
  get working(): boolean {
    return this.#pending.length > 0 || (this.#inputs.size > 0 && this.#targets.size > 0);
  }

  /** The process listens. */
  ready(): void {
    const early = this.#early ?? [];
    this.#early = undefined;
    for (const request of early) this.#send(request);
  }

  decode(input: CodedInput): void {
    if (!this.#usable) return;
    const { id, memory, offset, length } = input;
    if (offset < 0 || length < 0 || offset + length > memory.length) {
      throw new CodecError(`input ${id}: ${length} bytes at ${offset} are not inside its memory of ${memory.length} bytes`);
    }
    if (this.#inputs.has(id)) throw new CodecError(`input ${id} is lent already`);
    const era = this.#flushes.asked;
    this.#highestInput = Math.max(this.#highestInput, id);
    const send = (at: number): void => {
      // A flush that was asked for meanwhile has dropped the input.
      if (era !== this.#flushes.asked) return;
      this.#send({ kind: 'decode', stream: this.#stream, id, offset: at, length, mayContinue: input.mayContinue ? 1 : 0 });
    };
    if (memory.kind === 'arena') {
      this.#inputs.set(id, { staged: [], era });
      this.#out.add(() => send(memory.offset + offset));
      return;
    }
    const block = this.#staging.take(length);
    this.#inputs.set(id, { staged: block === undefined ? [] : [block], era });
    let loaded = false;
    const load =
      block === undefined
        ? Promise.resolve()
        : this.#host.access.load(memory, offset, { kind: 'arena', offset: block.offset, length }).then((ok) => {
            loaded = ok;
          });
    this.#copying(load);
    this.#out.add(() => {
      if (block !== undefined && loaded) send(block.offset);
      else this.#in.add(() => this.#inputDone(id, era, false));
    }, load);
  }

  setOutput(layout: PictureLayout): void {
    if (!this.#usable) return;
    const { codedWidth, codedHeight } = this.#size;
    if (!takesDecoded(layout) || layout.width < codedWidth || layout.height < codedHeight) {
      throw new CodecError(
        `layout ${layout.width}x${layout.height}, format ${layout.fourcc}, cannot hold pictures of ${codedWidth}x${codedHeight}`,
      );
    }
    this.#layout = layout;
    this.#serial.answered = this.#serial.told;
    const { fourcc, width, height } = layout;
    const rest = layoutNumbers(layout);
    const serial = this.#serial.told;
    this.#out.add(() => this.#send({ kind: 'output', stream: this.#stream, serial, fourcc, width, height, rest }));
  }

  supply(target: CodecTarget): void {
    if (!this.#usable) return;
    const layout = this.#layout;
    if (layout === undefined) throw new CodecError(`target ${target.id} was supplied before a layout was set`);
    if (this.#targets.has(target.id)) throw new CodecError(`target ${target.id} is lent already`);
    const { sizes } = layout;
    if (!fitsInto(layout, target.planes)) {
      const lengths = target.planes.map(({ length }) => length).join(', ');
      throw new CodecError(`target ${target.id} has planes of ${lengths} bytes; the layout needs ${sizes.join(', ')}`);
    }
    const direct = target.planes.every((plane) => plane.kind === 'arena');
    const staged = direct ? [] : this.#staging.takeAll(sizes);
    if (staged === undefined) {
      this.#starved.push(target);
      return;
    }
    const places = direct ? (target.planes as readonly { readonly offset: number }[]) : staged;
    const written = sizes.map((length, i) => ({ offset: places[i]?.offset ?? 0, length }));
    this.#lend({ id: target.id, planes: target.planes, written, staged, era: this.#recalls.asked, sizes });
  }

  drain(): void {
    if (!this.#usable) return;
    const era = this.#flushes.asked;
    this.#drains += 1;
    this.#out.add(() => {
      if (era === this.#flushes.asked) this.#send({ kind: 'drain', stream: this.#stream });
    });
  }

  async flush(): Promise<void> {
    if (!this.#usable) return;
    this.#flushes.asked += 1;
    this.#drains = 0;
    // After the flush the process reports a format again if the user has not heard of it.
    this.#serial.accepted = this.#serial.told;
    await this.#ask('flush', { kind: 'flush', stream: this.#stream, serial: this.#serial.told }, () => {
      this.#flushes.confirmed += 1;
      for (const [id, input] of this.#inputs) if (input.era < this.#flushes.confirmed) this.#dropInput(id, input);
    });
  }

  async recall(): Promise<void> {
    if (!this.#usable) return;
    this.#recalls.asked += 1;
    this.#starved = [];
    await this.#ask('recall', { kind: 'recall', stream: this.#stream }, () => {
      this.#recalls.confirmed += 1;
      for (const [id, target] of this.#targets) {
        if (target.era >= this.#recalls.confirmed) continue;
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
    await this.#ask('close', { kind: 'close', stream: this.#stream }, () => {
      this.#state = 'ended';
      this.#host.forget(this.#stream);
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
      case 'format':
        this.#hearFormat(report);
        break;
      case 'picture':
        this.#hearPicture(report);
        break;
      case 'drained':
        this.#hearDrained();
        break;
      case 'confirmed': {
        const pending = this.#pending.shift();
        if (pending === undefined)
          throw new ChildProtocolError(`stream ${this.#stream}: nothing was asked that could be confirmed`);
        pending.watch[Symbol.dispose]();
        this.#in.add(pending.done);
        break;
      }
      case 'broken':
        void this.end('the decoder ran out of memory or found a fault in itself');
        break;
      case 'ready':
      case 'pong':
        break;
    }
  }

  /** The process, or the decoder in it, is dead: it writes nothing any more. */
  async end(reason: string): Promise<void> {
    if (this.#state === 'ended') return;
    const tell = this.#state === 'open';
    this.#state = 'ended';
    this.#host.forget(this.#stream);
    for (const { watch } of this.#pending) watch[Symbol.dispose]();
    await Promise.allSettled([...this.#copies]);
    this.#releaseAll();
    if (tell) this.#events.failed(reason);
    for (const { done } of this.#pending.splice(0)) done();
  }

  #hearInputDone({ id, ok }: ReportOf<'inputDone'>): void {
    const input = this.#inputs.get(id);
    if (input === undefined || ok < 0 || ok > 1)
      throw new ChildProtocolError(`stream ${this.#stream}: input ${id} is not lent, or done as ${ok}`);
    this.#in.add(() => this.#inputDone(id, input.era, ok === 1));
  }

  #hearFormat(report: ReportOf<'format'>): void {
    const flushing = this.#flushing;
    if (!flushing && (report.serial !== this.#serial.accepted + 1 || this.#serial.answered < this.#serial.accepted)) {
      throw new ChildProtocolError(`stream ${this.#stream}: format ${report.serial} comes out of turn`);
    }
    const format = streamFormat(this.#codec, report);
    // The process goes back to what the user knows when it gets to the flush.
    if (flushing) return;
    const { serial } = report;
    this.#serial.accepted = serial;
    const era = this.#flushes.asked;
    this.#in.add(() => {
      if (era !== this.#flushes.asked || this.#state !== 'open') return;
      this.#serial.told = serial;
      this.#size = format;
      this.#events.format(format);
    });
  }

  #hearPicture({ targetId, inputId, interlaced, error, type }: ReportOf<'picture'>): void {
    const target = this.#targets.get(targetId);
    const name = PICTURE_TYPES[type];
    if (target === undefined || name === undefined || error < 0 || error > 1 || inputId < 0 || inputId > this.#highestInput) {
      throw new ChildProtocolError(`stream ${this.#stream}: no picture of input ${inputId} can be in target ${targetId}`);
    }
    const field = fieldOf(interlaced);
    this.#targets.delete(targetId);
    const era = this.#flushes.asked;
    // A stream that is being closed drops its pictures: nobody waits for them, and its guest pages may have another owner by now.
    const dropped = this.#flushing || this.#state !== 'open';
    let stored = true;
    const copy =
      target.staged.length === 0 || dropped
        ? undefined
        : this.#store(target).then((ok) => {
            stored = ok;
          });
    this.#in.add(() => {
      if (dropped || era !== this.#flushes.asked) {
        this.#keepLent(target);
        return;
      }
      this.#staging.give(target.staged);
      this.#feedStarved();
      if (this.#state !== 'open') return;
      this.#events.picture({ targetId, inputId, bytesUsed: target.sizes, field, error: error === 1 || !stored, type: name });
    }, copy);
  }

  #hearDrained(): void {
    if (this.#flushing) return;
    if (this.#drains === 0) throw new ChildProtocolError(`stream ${this.#stream}: nobody asked for a drain`);
    this.#drains -= 1;
    const era = this.#flushes.asked;
    this.#in.add(() => {
      if (era === this.#flushes.asked && this.#state === 'open') this.#events.drained();
    });
  }

  get #flushing(): boolean {
    return this.#flushes.asked !== this.#flushes.confirmed;
  }

  #inputDone(id: number, era: number, ok: boolean): void {
    const input = this.#inputs.get(id);
    if (input === undefined || input.era !== era) return;
    // What a flush has dropped is free when the flush is over.
    if (era !== this.#flushes.asked) return;
    this.#dropInput(id, input);
    if (this.#state === 'open') this.#events.inputDone(id, ok);
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
      if (target.era === this.#recalls.asked) this.#send({ kind: 'supply', stream: this.#stream, id: target.id, rest });
    });
  }

  /** A picture was flushed away after it had been written: its target stays lent. */
  #keepLent(target: LentTarget): void {
    if (target.era === this.#recalls.asked && this.#state === 'open') this.#lend(target);
    else this.#staging.give(target.staged);
  }

  #feedStarved(): void {
    const starved = this.#starved;
    if (starved.length === 0) return;
    this.#starved = [];
    for (const target of starved) this.supply(target);
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
      this.#pending.push({ watch: this.#host.watch(`${what} of stream ${this.#stream}`), done });
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

  /** False once the stream is closing or has ended: calls have no effect then. */
  get #usable(): boolean {
    return this.#state === 'open';
  }

  #releaseAll(): void {
    for (const [id, input] of this.#inputs) this.#dropInput(id, input);
    for (const target of this.#targets.values()) this.#staging.give(target.staged);
    this.#targets.clear();
    this.#starved = [];
    this.#staging.close();
  }
}
