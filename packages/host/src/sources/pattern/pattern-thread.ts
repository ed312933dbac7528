// SPDX-License-Identifier: Apache-2.0
import type { Clock } from '@paravideo/core';
import type { Backoff } from '../../isolation/child/index.ts';
import { KeptThread } from '../../isolation/worker/index.ts';
import type { Log } from '../../log/index.ts';
import type { FrameMoment, FramePool, FrameSlot } from '../frame-pool.ts';
import type { PictureRendition } from '../paced-capture.ts';
import type { ColourMatrix } from './colour.ts';
import { checkPainted } from './painter.ts';
import type { PatternSettings, PatternSubject } from './renderer.ts';
import type { PatternAnswer, PatternRequest } from './worker-messages.ts';

interface OpenRendition {
  readonly pool: FramePool;
  /** what its controls say now */
  readonly settings: () => PatternSettings;
  readonly subject: PatternSubject;
  /** holds the pool's memory for the thread */
  pin: Disposable;
  /** pictures in the making, in order */
  readonly rendering: ((made: boolean) => void)[];
  closing: (() => void) | undefined;
}

/** Renders test patterns in a worker thread. A thread that dies is replaced; the pictures until then are lost. */
export class PatternThread {
  readonly #matrix: ColourMatrix;
  readonly #clock: Clock;
  readonly #timeOfDay: () => number;
  readonly #renditions = new Map<number, OpenRendition>();
  readonly #thread: KeptThread<PatternRequest, PatternAnswer>;
  #nextId = 1;
  #busy = 0;

  /**
   * @param o.timeOfDay milliseconds since midnight, now
   * @param o.log where the thread's deaths and returns are told
   * @param o.backoff the pauses before the next thread
   * @param o.worker the thread's module, beside this one and without its extension
   */
  constructor(o: {
    matrix: ColourMatrix;
    clock: Clock;
    timeOfDay: () => number;
    log?: Log | undefined;
    backoff?: Backoff;
    worker?: string;
  }) {
    this.#matrix = o.matrix;
    this.#clock = o.clock;
    this.#timeOfDay = o.timeOfDay;
    this.#thread = new KeptThread({
      module: o.worker ?? './pattern-worker',
      base: import.meta.url,
      name: 'pattern',
      log: o.log,
      backoff: o.backoff,
      message: (answer) => this.#answered(answer),
      died: () => this.#died(),
      restarted: () => {
        for (const [id, rendition] of this.#renditions) this.#announce(id, rendition);
      },
    });
  }

  /** Pictures of a pool's layout, each as `settings` says when it is asked for. Throws `SourceError` for one that it cannot paint. */
  open(pool: FramePool, settings: () => PatternSettings, subject: PatternSubject): PictureRendition {
    checkPainted(pool.layout);
    const id = this.#nextId++;
    const rendition: OpenRendition = { pool, settings, subject, pin: pool.pin(), rendering: [], closing: undefined };
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

  #announce(id: number, { pool, subject }: OpenRendition): void {
    const { layout, address, length, planes } = pool;
    this.#thread.post({ kind: 'open', id, layout, matrix: this.#matrix, subject, address, length, planes });
  }

  #render(id: number, rendition: OpenRendition, slot: FrameSlot, { sequence, timestamp }: FrameMoment): Promise<boolean> {
    if (!this.#thread.running) return Promise.resolve(false);
    const { promise, resolve } = Promise.withResolvers<boolean>();
    rendition.rendering.push(resolve);
    this.#work(1);
    // The clock shows the time of day of the frame's timestamp, not of this call.
    const age = Math.max(0, this.#clock.now() - timestamp) / 1000;
    const timeOfDay = (this.#timeOfDay() - age + 86_400_000) % 86_400_000;
    const moment = { sequence, time: timestamp, timeOfDay };
    this.#thread.post({ kind: 'render', id, offset: slot.offset, moment, settings: rendition.settings() });
    return promise;
  }

  #close(id: number, rendition: OpenRendition): Promise<void> {
    if (!this.#thread.running) {
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
      rendition.rendering.shift()?.(true);
    } else {
      this.#forget(id, rendition);
      rendition.closing?.();
    }
  }

  #died(): void {
    this.#busy = 0;
    for (const [id, rendition] of [...this.#renditions]) {
      for (const lost of rendition.rendering.splice(0)) lost(false);
      if (rendition.closing === undefined) continue;
      this.#forget(id, rendition);
      rendition.closing();
    }
  }

  /** The process stays alive while the thread owes an answer. */
  #work(change: 1 | -1): void {
    this.#busy += change;
    this.#thread.busy = this.#busy > 0;
  }
}
