// SPDX-License-Identifier: Apache-2.0
import {
  type CapturedFrame,
  type Colorimetry,
  type Conversion,
  type Converter,
  type Fit,
  type Frame,
  type PictureLayout,
  type PlaneStorage,
  V4L2_FIELD_NONE,
  V4L2_PIX_FMT_MJPEG,
  V4L2_QUANTIZATION_FULL_RANGE,
  validColorimetry,
} from '@paravideo/core';
import type { Backoff } from '../../isolation/child/index.ts';
import { KeptThread } from '../../isolation/worker/index.ts';
import type { Log } from '../../log/index.ts';
import { DEFAULT_SLOTS, FramePool, type FrameSlot } from '../frame-pool.ts';
import { RAW_FORMATS } from '../scaling/raw-pictures.ts';
import { matrixOf } from './colour-matrix.ts';
import type { ConvertAnswer, ConvertRequest, PictureColours } from './convert-messages.ts';

interface Converting {
  readonly slot: FrameSlot;
  readonly frame: Frame;
  readonly resolve: (made: CapturedFrame | undefined) => void;
}

interface OpenConversion {
  readonly from: PictureLayout;
  readonly colours: PictureColours;
  readonly quality: number;
  readonly fit: Fit;
  readonly pool: FramePool;
  /** holds the pool's memory for the thread */
  readonly pin: Disposable;
  /** pictures in the making, in order */
  readonly converting: Converting[];
  closing: boolean;
}

/**
 * Converts with FFmpeg's scaler in a worker thread, which starts with the first conversion. A thread that dies is replaced; the
 * pictures until then are lost.
 */
export class ThreadConverter implements Converter, AsyncDisposable {
  readonly reads = RAW_FORMATS;
  readonly makes = [...RAW_FORMATS, V4L2_PIX_FMT_MJPEG];
  readonly #o: { readonly log?: Log | undefined; readonly backoff?: Backoff | undefined; readonly worker?: string | undefined };
  readonly #open = new Map<number, OpenConversion>();
  #thread: KeptThread<ConvertRequest, ConvertAnswer> | undefined;
  #nextId = 1;
  #busy = 0;

  /**
   * @param o.log where the thread's deaths and returns are told
   * @param o.backoff the pauses before the next thread
   * @param o.worker the thread's module, beside this one and without its extension
   */
  constructor(o: { log?: Log | undefined; backoff?: Backoff | undefined; worker?: string | undefined } = {}) {
    this.#o = o;
  }

  open(from: PictureLayout, to: PictureLayout, colours: Colorimetry, quality: number, fit: Fit = 'contain'): Conversion {
    const pool = FramePool.create('paravideo-converted-frames', to, DEFAULT_SLOTS);
    const id = this.#nextId++;
    const conversion: OpenConversion = {
      from,
      colours: { matrix: matrixOf(colours), fullRange: isFullRange(colours) },
      quality,
      fit,
      pool,
      pin: pool.pin(),
      converting: [],
      closing: false,
    };
    this.#open.set(id, conversion);
    this.#thread ??= this.#start();
    this.#announce(id, conversion);
    return {
      convert: (frame) => this.#convert(id, conversion, frame),
      close: () => this.#close(id, conversion),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#thread?.close();
  }

  #start(): KeptThread<ConvertRequest, ConvertAnswer> {
    return new KeptThread({
      module: this.#o.worker ?? './convert-worker',
      base: import.meta.url,
      name: 'converter',
      log: this.#o.log,
      backoff: this.#o.backoff,
      message: (answer) => this.#answered(answer),
      died: () => this.#died(),
      restarted: () => {
        for (const [id, conversion] of this.#open) this.#announce(id, conversion);
      },
    });
  }

  #announce(id: number, { from, colours, quality, fit, pool }: OpenConversion): void {
    const { layout: to, address, length, planes } = pool;
    this.#thread?.post({ kind: 'open', id, from, to, colours, quality, fit, address, length, planes });
  }

  #convert(id: number, conversion: OpenConversion, frame: Frame): Promise<CapturedFrame | undefined> {
    const slot = this.#thread?.running === true ? conversion.pool.take() : undefined;
    if (slot === undefined) return Promise.resolve(undefined);
    const { promise, resolve } = Promise.withResolvers<CapturedFrame | undefined>();
    conversion.converting.push({ slot, frame, resolve });
    this.#work(1);
    this.#thread?.post({ kind: 'convert', id, offset: slot.offset, from: frame.planes.map(ownBytes) });
    return promise;
  }

  #close(id: number, conversion: OpenConversion): void {
    if (conversion.closing) return;
    conversion.closing = true;
    if (this.#thread?.running !== true) {
      this.#forget(id, conversion);
      return;
    }
    this.#work(1);
    this.#thread.post({ kind: 'close', id });
  }

  #forget(id: number, { pin, pool }: OpenConversion): void {
    this.#open.delete(id);
    pin[Symbol.dispose]();
    pool.close();
  }

  #answered(answer: ConvertAnswer): void {
    const conversion = this.#open.get(answer.id);
    if (conversion === undefined) return;
    this.#work(-1);
    if (answer.kind === 'closed') {
      this.#forget(answer.id, conversion);
      return;
    }
    const done = conversion.converting.shift();
    if (done === undefined) return;
    const { slot, frame, resolve } = done;
    const { bytes } = answer;
    if (bytes !== undefined) {
      const made = slot.publish(frame, V4L2_FIELD_NONE);
      resolve({ ...made, planes: made.planes.map((plane, i) => ({ ...plane, length: bytes[i] ?? 0 })) });
    } else {
      slot.abandon();
      resolve(undefined);
    }
  }

  #died(): void {
    this.#busy = 0;
    for (const [id, conversion] of [...this.#open]) {
      for (const { slot, resolve } of conversion.converting.splice(0)) {
        slot.abandon();
        resolve(undefined);
      }
      if (conversion.closing) this.#forget(id, conversion);
    }
  }

  /** The process stays alive while the thread owes an answer. */
  #work(change: 1 | -1): void {
    this.#busy += change;
    if (this.#thread !== undefined) this.#thread.busy = this.#busy > 0;
  }
}

/** What Y'CbCr of a camera is, as it is announced: JPEG's colour space implies full range. */
function isFullRange(colours: Colorimetry): boolean {
  return validColorimetry(colours).quantization === V4L2_QUANTIZATION_FULL_RANGE;
}

/** A plane as a message carries it: a view would take all of the buffer behind it along. */
function ownBytes(plane: PlaneStorage): PlaneStorage {
  switch (plane.kind) {
    case 'address':
      return plane;
    case 'bytes':
      return plane.bytes.byteLength === plane.bytes.buffer.byteLength ? plane : { kind: 'bytes', bytes: plane.bytes.slice() };
  }
}
