// SPDX-License-Identifier: Apache-2.0
import type { Clock } from '@paravideo/core';
import { WorkerThread } from '../../threads/index.ts';
import type { FrameMoment, FramePool, FrameSlot } from '../frame-pool.ts';
import type { FrameRenderer, Rendition } from '../paced-source.ts';
import type { Matrix } from './colour.ts';
import { checkLayout } from './painter.ts';
import type { PatternSettings } from './renderer.ts';
import type { PatternAnswer, PatternRequest } from './worker-messages.ts';

/** Deaths of the thread, with no picture in between, after which the source is given up. */
const MAX_DEATHS = 5;

interface OpenRendition {
  readonly pool: FramePool;
  /** holds the pool's memory for the thread */
  pin: Disposable;
  /** pictures in the making, in order */
  readonly rendering: ((made: boolean) => void)[];
  closing: (() => void) | undefined;
}

/** Renders test patterns in a worker thread. A thread that dies is replaced; the picture it was at is lost. */
export class PatternThread implements FrameRenderer {
  readonly #matrix: Matrix;
  readonly #clock: Clock;
  readonly #timeOfDay: () => number;
  readonly #settings: () => PatternSettings;
  readonly #worker: string;
  readonly #lost: (reason: string) => void;
  readonly #renditions = new Map<number, OpenRendition>();
  #thread: WorkerThread<PatternRequest, PatternAnswer>;
  #nextId = 1;
  #busy = 0;
  #deaths = 0;

  /**
   * @param o.timeOfDay milliseconds since midnight, now
   * @param o.lost called when no thread can be had
   * @param o.worker the thread's module, beside this one and without its extension
   */
  constructor(o: {
    matrix: Matrix;
    clock: Clock;
    timeOfDay: () => number;
    settings: () => PatternSettings;
    lost: (reason: string) => void;
    worker?: string;
  }) {
    this.#matrix = o.matrix;
    this.#clock = o.clock;
    this.#timeOfDay = o.timeOfDay;
    this.#settings = o.settings;
    this.#lost = o.lost;
    this.#worker = o.worker ?? './pattern-worker';
    this.#thread = this.#start();
  }

  open(pool: FramePool): Rendition {
    checkLayout(pool.layout);
    const id = this.#nextId++;
    const rendition: OpenRendition = { pool, pin: pool.pin(), rendering: [], closing: undefined };
    this.#renditions.set(id, rendition);
    this.#announce(id, rendition);
    return {
      render: (slot, moment) => this.#render(id, rendition, slot, moment),
      close: () => this.#close(id, rendition),
    };
  }

  async close(): Promise<void> {
    await this.#thread.close();
  }

  #start(): WorkerThread<PatternRequest, PatternAnswer> {
    return new WorkerThread(this.#worker, import.meta.url, 'pattern', {
      message: (answer) => this.#answered(answer),
      died: (reason) => this.#died(reason),
    });
  }

  #announce(id: number, { pool }: OpenRendition): void {
    const { layout, address, length, planes } = pool;
    this.#thread.post({ kind: 'open', id, layout, matrix: this.#matrix, address, length, planes });
  }

  #render(id: number, rendition: OpenRendition, slot: FrameSlot, { sequence, timestamp }: FrameMoment): Promise<boolean> {
    if (this.#thread.state !== 'running') return Promise.resolve(false);
    const { promise, resolve } = Promise.withResolvers<boolean>();
    rendition.rendering.push(resolve);
    this.#work(1);
    // The clock shows the time of day of the frame's timestamp, not of this call.
    const age = Math.max(0, this.#clock.now() - timestamp) / 1000;
    const timeOfDay = (this.#timeOfDay() - age + 86_400_000) % 86_400_000;
    const moment = { sequence, time: timestamp, timeOfDay };
    this.#thread.post({ kind: 'render', id, offset: slot.offset, moment, settings: this.#settings() });
    return promise;
  }

  #close(id: number, rendition: OpenRendition): Promise<void> {
    if (this.#thread.state !== 'running') {
      this.#forget(id, rendition);
      return Promise.resolve();
    }
    const { promise, resolve } = Promise.withResolvers<void>();
    rendition.closing = resolve;
    this.#work(1);
    this.#thread.post({ kind: 'close', id });
    return promise;
  }

  #forget(id: number, rendition: OpenRendition): void {
    this.#renditions.delete(id);
    rendition.pin[Symbol.dispose]();
  }

  #answered({ kind, id }: PatternAnswer): void {
    const rendition = this.#renditions.get(id);
    if (rendition === undefined) return;
    this.#work(-1);
    if (kind === 'rendered') {
      this.#deaths = 0;
      rendition.rendering.shift()?.(true);
    } else {
      this.#forget(id, rendition);
      rendition.closing?.();
    }
  }

  #died(reason: string): void {
    this.#deaths++;
    this.#busy = 0;
    const replaced = this.#deaths < MAX_DEATHS;
    if (replaced) this.#thread = this.#start();
    for (const [id, rendition] of [...this.#renditions]) {
      for (const lost of rendition.rendering.splice(0)) lost(false);
      if (rendition.closing !== undefined) {
        this.#forget(id, rendition);
        rendition.closing();
      } else if (replaced) {
        this.#announce(id, rendition);
      }
    }
    if (!replaced) this.#lost(reason);
  }

  /** The process stays alive while the thread owes an answer. */
  #work(change: 1 | -1): void {
    this.#busy += change;
    this.#thread.busy = this.#busy > 0;
  }
}
