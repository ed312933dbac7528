// SPDX-License-Identifier: Apache-2.0

import type { HeapAccess } from '../memory/heap/heap-access.ts';
import type { PictureLayout } from '../picture/index.ts';
import type {
  CodecId,
  CodecTarget,
  CodedInput,
  Decoder,
  DecoderCapability,
  DecoderEvents,
  DecoderFactory,
  StreamFormat,
} from '../ports/index.ts';
import {
  V4L2_PIX_FMT_NV12,
  V4L2_PIX_FMT_NV12M,
  V4L2_PIX_FMT_YUV420,
  V4L2_PIX_FMT_YUV420M,
} from '../wire/v4l2/videodev2-constants.gen.ts';
import { parseToyUnit, TOY_UNIT, type ToyHeader, type ToyPicture, toyPlanes } from './toy-stream.ts';

/** Options of a `ToyDecoderFactory`. */
export interface ToyDecoderOptions {
  readonly access: HeapAccess;
  /** codecs that it pretends to know; the bitstream is the toy one under each name. Default: `toy` */
  readonly codecs?: readonly CodecId[];
  /** decoders that may live at a time; default 16 */
  readonly limit?: number;
  /** awaited between two steps of a decoder; default: a microtask */
  readonly turn?: () => Promise<void>;
}

/** The shipped simple `DecoderFactory`: decoders of the toy bitstream that live in this heap. */
export class ToyDecoderFactory implements DecoderFactory {
  readonly capabilities: readonly DecoderCapability[];
  readonly #o: ToyDecoderOptions;
  readonly #live = new Set<ToyDecoder>();
  #made = 0;

  constructor(options: ToyDecoderOptions) {
    this.#o = options;
    this.capabilities = (options.codecs ?? ['toy']).map((codec) => ({
      codec,
      minWidth: 16,
      minHeight: 16,
      maxWidth: 4096,
      maxHeight: 4096,
      outputs: [V4L2_PIX_FMT_NV12, V4L2_PIX_FMT_YUV420, V4L2_PIX_FMT_NV12M, V4L2_PIX_FMT_YUV420M],
      profiles: [0, 1, 2, 4],
      levels: [...Array(15).keys()],
    }));
  }

  /** decoders that are neither closed nor dead, for leak checks */
  get live(): number {
    return this.#live.size;
  }

  /** decoders made so far */
  get made(): number {
    return this.#made;
  }

  create(_codec: CodecId, events: DecoderEvents): Decoder | undefined {
    if (this.#live.size >= (this.#o.limit ?? 16)) return undefined;
    const decoder = new ToyDecoder(events, this.#o.access, this.#o.turn ?? (() => Promise.resolve()), () => {
      this.#live.delete(decoder);
    });
    this.#live.add(decoder);
    this.#made += 1;
    return decoder;
  }

  /** What the death of a codec process does: every decoder fails. */
  kill(reason = 'killed'): void {
    for (const decoder of [...this.#live]) decoder.die(reason);
  }
}

type DecoderWork = { readonly kind: 'input'; readonly input: CodedInput } | { readonly kind: 'drain' };

interface ReadyPicture {
  readonly picture: ToyPicture;
  readonly inputId: number;
}

/**
 * A decoder of one toy stream. It does one thing at a time, with a turn between: deliver a picture, or else take a unit of
 * input. So input stops when pictures have nowhere to go.
 *
 *   waiting for a key --key picture--> decoding --drain, flush--> waiting for a key;  any --crash--> dead
 */
class ToyDecoder implements Decoder {
  readonly #events: DecoderEvents;
  readonly #access: HeapAccess;
  readonly #turn: () => Promise<void>;
  readonly #gone: () => void;
  readonly #work: DecoderWork[] = [];
  readonly #targets: CodecTarget[] = [];
  #state: 'keyless' | 'decoding' | 'over' = 'keyless';
  #running: 'no' | 'yes' = 'no';
  #header: ToyHeader | undefined;
  #layout: PictureLayout | undefined;
  /** the input now being taken: its bytes, and how far */
  #current: { readonly input: CodedInput; readonly bytes: Uint8Array; at: number } | undefined;
  /** the beginning of a unit that goes on in the next input */
  #carry: { readonly bytes: Uint8Array; readonly inputId: number } | undefined;
  #reorder: ReadyPicture[] = [];
  #ready: ReadyPicture[] = [];

  constructor(events: DecoderEvents, access: HeapAccess, turn: () => Promise<void>, gone: () => void) {
    this.#events = events;
    this.#access = access;
    this.#turn = turn;
    this.#gone = gone;
  }

  decode(input: CodedInput): void {
    this.#work.push({ kind: 'input', input });
    this.#wake();
  }

  setOutput(layout: PictureLayout): void {
    this.#layout = layout;
    this.#wake();
  }

  supply(target: CodecTarget): void {
    this.#targets.push(target);
    this.#wake();
  }

  drain(): void {
    this.#work.push({ kind: 'drain' });
    this.#wake();
  }

  async flush(): Promise<void> {
    // The step under way belongs to the time before the flush, and may still tell its events.
    await this.#turn();
    this.#work.length = 0;
    this.#current = undefined;
    this.#carry = undefined;
    this.#reorder = [];
    this.#ready = [];
    if (this.#state === 'decoding') this.#state = 'keyless';
  }

  async recall(): Promise<void> {
    await this.#turn();
    this.#targets.length = 0;
  }

  async close(): Promise<void> {
    this.#end();
    await this.#turn();
  }

  /** Fails, as if the process around it had died. */
  die(reason: string): void {
    if (this.#state === 'over') return;
    this.#end();
    this.#events.failed(reason);
  }

  #end(): void {
    this.#state = 'over';
    this.#gone();
  }

  #wake(): void {
    if (this.#running === 'no') void this.#run();
  }

  async #run(): Promise<void> {
    this.#running = 'yes';
    for (;;) {
      await this.#turn();
      // A stopped device leaves the guest's memory alone.
      if (!this.#access.open) await this.#access.opened();
      if (this.#state === 'over' || !this.#step()) break;
    }
    this.#running = 'no';
  }

  /** One step; false if there is nothing to do. */
  #step(): boolean {
    if (this.#ready.length > 0) return this.#deliver();
    if (this.#current !== undefined) {
      // A format that nobody answered yet holds up the stream.
      if (this.#header !== undefined && this.#layout === undefined) return false;
      this.#takeUnit(this.#current);
      return true;
    }
    const next = this.#work.shift();
    if (next === undefined) return false;
    if (next.kind === 'drain') {
      this.#bump(0);
      if (this.#ready.length > 0) this.#work.unshift(next);
      else this.#drained();
      return true;
    }
    this.#open(next.input);
    return true;
  }

  #drained(): void {
    this.#state = 'keyless';
    this.#carry = undefined;
    this.#events.drained();
  }

  #open(input: CodedInput): void {
    const bytes = new Uint8Array(input.length);
    if (!this.#access.read(input.memory, input.offset, bytes)) {
      this.#events.inputDone(input.id, false);
      return;
    }
    this.#current = { input, bytes, at: 0 };
  }

  #takeUnit(current: { readonly input: CodedInput; readonly bytes: Uint8Array; at: number }): void {
    const { input } = current;
    const carry = this.#carry;
    const bytes = carry === undefined ? current.bytes : joined(carry.bytes, current.bytes);
    const unit = parseToyUnit(bytes, current.at);
    if (unit === 'short' || unit === 'bad') {
      const rest = bytes.slice(current.at);
      const goesOn = unit === 'short' && rest.length > 0 && input.mayContinue;
      this.#carry = goesOn ? { bytes: rest, inputId: carry?.inputId ?? input.id } : undefined;
      this.#current = undefined;
      this.#events.inputDone(input.id, goesOn || rest.length === 0);
      return;
    }
    // The old pictures come before a new format; then the header is looked at again.
    if (unit.kind === 'header' && this.#bumpForFormat(unit.format)) return;
    // The end of a carried unit lies in this input.
    this.#carry = undefined;
    current.at += TOY_UNIT - (carry?.bytes.length ?? 0);
    if (unit.kind === 'header') this.#newHeader(unit);
    else if (unit.kind === 'picture') this.#newPicture(unit, carry?.inputId ?? input.id);
    else if (unit.kind === 'crash') this.die('the stream holds a crash unit');
  }

  #bumpForFormat(format: StreamFormat): boolean {
    if (this.#header === undefined || same(this.#header.format, format)) return false;
    this.#bump(0);
    return this.#ready.length > 0;
  }

  #newHeader(header: ToyHeader): void {
    const before = this.#header;
    this.#header = header;
    if (before !== undefined && same(before.format, header.format)) return;
    this.#layout = undefined;
    this.#events.format(header.format);
  }

  #newPicture(picture: ToyPicture, inputId: number): void {
    if (this.#header === undefined) return;
    if (picture.type === 'key') {
      this.#bump(0);
      this.#state = 'decoding';
    }
    if (this.#state !== 'decoding') return;
    this.#reorder.push({ picture, inputId });
    this.#bump(this.#header.depth);
  }

  /** Lets pictures out in display order until `keep` are left. */
  #bump(keep: number): void {
    this.#reorder.sort((a, b) => a.picture.number - b.picture.number);
    this.#ready.push(...this.#reorder.splice(0, this.#reorder.length - keep));
  }

  #deliver(): boolean {
    const layout = this.#layout;
    const target = this.#targets[0];
    const next = this.#ready[0];
    if (layout === undefined || target === undefined || next === undefined) return false;
    this.#targets.shift();
    this.#ready.shift();
    const planes = toyPlanes(layout, next.picture.number);
    const written = planes.map((bytes, i) => {
      const memory = target.planes[i];
      return memory !== undefined && this.#access.write(memory, 0, bytes);
    });
    this.#events.picture({
      targetId: target.id,
      inputId: next.inputId,
      bytesUsed: planes.map((bytes) => bytes.length),
      field: this.#header?.format.field ?? 0,
      error: next.picture.damaged || written.includes(false),
      type: next.picture.type,
    });
    return true;
  }
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(a.length + b.length);
  bytes.set(a);
  bytes.set(b, a.length);
  return bytes;
}

function same(a: StreamFormat, b: StreamFormat): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
