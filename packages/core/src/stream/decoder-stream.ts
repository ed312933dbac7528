// SPDX-License-Identifier: Apache-2.0
/**
 * A stream that is decoded, over the `Decoder` port: the formats found in it, drain, seek, change of format and death of the
 * decoder. What V4L2's stateful decoder and virtio-video have in common, below both.
 *
 * Buffers are the user's: the stream knows them by handle and memory, and gives each back exactly once, through an event
 * or, all at once and without events, when `stopInput`, `stopOutput` or `close` resolves.
 *
 * The phases and their edges are drawn in `decoder-phase.ts`. Beside the phase each queue is off, on or stopping.
 */
import { NotIdleError, SavedStateError, samePlain } from '../base/index.ts';
import { fitsInto, type PictureLayout } from '../picture/index.ts';
import type { BufferMemory, CodecId, DecodedPicture, Decoder, DecoderFactory, StreamFormat } from '../ports/index.ts';
import { CodecStream } from './codec-stream.ts';
import { type DecoderEdge, type DecoderPhase, drainOf, isOver, nextPhase, takesInput } from './decoder-phase.ts';
import { StreamError } from './stream-error.ts';
import type { StreamEvents, StreamInput, StreamQueueState, StreamResult } from './stream-events.ts';
import { type DecoderStreamState, formatKnown, readStream } from './stream-state.ts';

/** The stream engine. `In` and `Out` are handles of buffers, `Cookie` travels from an input to the pictures it makes. */
export class DecoderStream<In, Out, Cookie> {
  readonly #factory: DecoderFactory;
  readonly #events: StreamEvents<In, Out, Cookie>;
  readonly #codec: CodecStream<Decoder, StreamInput, In, Out, Cookie>;
  #phase: DecoderPhase = { kind: 'idle' };
  #format: StreamFormat | undefined;
  /** the layout of the output queue, and the one that the decoder was told for the present format */
  #layout: PictureLayout | undefined;
  #applied: PictureLayout | undefined;
  /** inputs that are done but stay queued, from the first format until the output queue is set up for it */
  #kept: { readonly id: number; readonly ok: boolean }[] | undefined;
  /** whether `endOfStream` is still to come for the drain that just ended */
  #end: 'told' | 'untold' = 'told';
  /** whether the decoder was made for a restored stream and has not found the format yet that is known */
  #rejoins: 'no' | 'yes' = 'no';

  constructor(factory: DecoderFactory, events: StreamEvents<In, Out, Cookie>) {
    this.#factory = factory;
    this.#events = events;
    this.#codec = new CodecStream({
      inputReturned: (handle, ok) => events.inputReturned(handle, ok),
      outputReturned: (handle, output) => events.outputReturned(handle, output),
      failed: (reason) => events.failed(reason),
      submit: (decoder, id, input) => decoder.decode({ id, ...input }),
      recalled: () => this.#pump(),
    });
  }

  /** Where the stream is. */
  get phase(): DecoderPhase {
    return this.#phase;
  }

  /** The format last told by `formatChanged`; undefined before the first. */
  get format(): StreamFormat | undefined {
    return this.#format;
  }

  /** State of the input queue. */
  get input(): StreamQueueState {
    return this.#codec.input.state;
  }

  /** Queues coded data, in any state of the input queue. False, and nothing taken, after a failure or close. */
  queueInput(handle: In, input: StreamInput, cookie: Cookie): boolean {
    if (isOver(this.#phase)) return false;
    this.#codec.input.add({ handle, job: input, cookie });
    this.#pump();
    return true;
  }

  /** Queues memory for a picture, in any state of the output queue. False, and nothing taken, after a failure or close. */
  queueOutput(handle: Out, planes: readonly BufferMemory[]): boolean {
    if (isOver(this.#phase)) return false;
    this.#codec.output.add({ handle, planes });
    this.#pump();
    return true;
  }

  /** Starts the input queue; makes a decoder if there is none. */
  startInput(codec: CodecId): StreamResult {
    if (isOver(this.#phase)) return 'failed';
    const { input } = this.#codec;
    if (input.state !== 'off') return 'ignored';
    if (this.#codec.codec === undefined && !this.#begin(codec)) return 'unavailable';
    input.state = 'on';
    this.#move({ kind: 'start-input' });
    return 'ok';
  }

  /**
   * Stops the input queue (seek): drops every queued input and everything in flight, and aborts a drain. No
   * `inputReturned` follows the call; when it resolves all inputs are free. Ends a failure.
   */
  async stopInput(): Promise<void> {
    this.#codec.input.state = 'stopping';
    this.#codec.input.dropWaiting();
    this.#kept = undefined;
    this.#move({ kind: 'stop-input' });
    await this.#codec.flush();
    if (this.#phase.kind === 'failed') this.#move({ kind: 'stop-input' });
  }

  /**
   * Starts the output queue with the layout of its buffers (which is of no interest while the format is not known). `fits`
   * is false if they were made before the format was found and cannot hold it: a LAST buffer then says that they have to
   * be made again, as if the format had come a moment later.
   */
  startOutput(layout: PictureLayout, fits = true): StreamResult {
    if (isOver(this.#phase)) return 'failed';
    const { output } = this.#codec;
    if (output.state !== 'off') return 'ignored';
    output.state = 'on';
    this.#layout = layout;
    this.#codec.sequence = 0;
    if (!fits) this.#phase = nextPhase(this.#phase, { kind: 'start-output' });
    this.#move({ kind: fits ? 'start-output' : 'format-stop' });
    return 'ok';
  }

  /**
   * Stops the output queue: takes back every queued buffer, and aborts a drain unless a format change came first. No
   * `outputReturned` follows the call; when it resolves all output buffers are free. Pictures that the decoder still holds
   * come after the next start.
   */
  async stopOutput(): Promise<void> {
    this.#codec.output.state = 'stopping';
    this.#move({ kind: 'stop-output' });
    await this.#codec.withdraw();
  }

  /**
   * Asks for every picture of the inputs queued so far, then a LAST buffer and `endOfStream`. Inputs queued from now on wait.
   * `ignored` unless both queues are on, or if the stream is stopped already.
   */
  drain(): StreamResult {
    if (isOver(this.#phase)) return 'failed';
    if (drainOf(this.#phase) !== 'no') return 'busy';
    const before = this.#phase;
    const { input, output, codec } = this.#codec;
    if (input.state !== 'on' || output.state !== 'on' || codec === undefined) return 'ignored';
    this.#phase = nextPhase(before, { kind: 'drain' });
    if (this.#phase === before) return 'ignored';
    this.#codec.drain();
    return 'ok';
  }

  /**
   * Goes on after a LAST buffer, or instead of one that is still owed, with the layout that the output queue's buffers have
   * now. `busy` in a drain, `ignored` where nothing is stopped.
   */
  resume(layout: PictureLayout): StreamResult {
    const { kind } = this.#phase;
    if (isOver(this.#phase)) return 'failed';
    if (kind === 'changing' || kind === 'changed' || kind === 'stopped') {
      this.#layout = layout;
      this.#move({ kind: 'resume' });
      return 'ok';
    }
    return drainOf(this.#phase) === 'no' ? 'ignored' : 'busy';
  }

  /**
   * Forgets the stream: closes the decoder, so that the next `startInput` begins with a new one and an initial format. The
   * input queue must be off; buffers of the output queue stay queued.
   */
  async reset(): Promise<void> {
    if (this.#phase.kind === 'closed') return;
    this.#phase = nextPhase(this.#phase, { kind: 'reset' });
    await this.#giveUp();
    this.#codec.output.takeBack();
  }

  /**
   * Fails the stream because its user says so, with the effects of the decoder's death: every queued buffer comes back with its
   * error set, and then `failed`.
   */
  abort(reason: string): void {
    if (!isOver(this.#phase)) this.#failed(reason);
  }

  /** Ends the stream. No event follows the call; when it resolves every buffer is free. */
  async close(): Promise<void> {
    this.#phase = nextPhase(this.#phase, { kind: 'close' });
    this.#kept = undefined;
    this.#forget();
    await this.#codec.close();
  }

  /**
   * The stream as plain data. Throws `NotIdleError` while a queue is stopping, buffers are queued, a drain is under way, a format
   * waits for its layout, or a decoder has data of the stream: that is so from its first input on until a seek or the end of a drain.
   */
  save(): DecoderStreamState {
    const underWay = this.#underWay();
    if (underWay !== undefined) throw new NotIdleError(underWay);
    const { input, output, codecId, sequence } = this.#codec;
    return {
      phase: { ...this.#phase },
      input: input.state === 'on' ? 'on' : 'off',
      output: output.state === 'on' ? 'on' : 'off',
      codec: codecId ?? null,
      end: this.#end,
      sequence,
    };
  }

  /**
   * Goes on as the stream that was saved, with a new decoder where it had one. What is queued next must begin where decoding can
   * begin, with the stream's headers: the decoder finds the format again, and tells only one that is another. `format` is what
   * `formatChanged` told last, `layout` what the output queue's buffers have. Throws `SavedStateError` for a state that cannot
   * be, or whose decoder cannot be had, and `StreamError` for a stream that was used; nothing is changed then.
   */
  restore(state: unknown, format: StreamFormat | undefined, layout: PictureLayout | undefined): void {
    const { input, output } = this.#codec;
    const used = this.#phase.kind !== 'idle' || output.state !== 'off' || input.waiting > 0 || output.waiting > 0;
    if (used) throw new StreamError(`the stream is in use (${this.#phase.kind}): only a fresh one is restored`);
    const codecs = this.#factory.capabilities.map(({ codec }) => codec);
    const start = readStream(state, codecs, { format: format !== undefined, layout: layout !== undefined });
    if (start.codec !== null && !this.#begin(start.codec)) {
      throw new SavedStateError('stream.codec', start.codec, 'a codec for which a decoder can be had now');
    }
    this.#phase = start.phase;
    input.state = start.input;
    output.state = start.output;
    this.#format = format;
    this.#layout = layout;
    this.#rejoins = format === undefined ? 'no' : 'yes';
    this.#end = start.end;
    this.#codec.sequence = start.sequence;
  }

  /** What keeps the stream from being saved. */
  #underWay(): string | undefined {
    const unanswered = formatKnown(this.#phase) && this.#applied === undefined && this.#rejoins === 'no';
    return this.#codec.underWay ?? (unanswered ? 'the decoder waits for the layout of the format that it found' : undefined);
  }

  #move(edge: DecoderEdge): void {
    const before = this.#phase;
    this.#phase = nextPhase(before, edge);
    if (this.#phase !== before) this.#end = this.#phase.kind === 'ending' ? 'untold' : 'told';
    this.#pump();
  }

  /** Makes a decoder; false if none can be had. What it says after its end is not heard. */
  #begin(id: CodecId): boolean {
    return this.#codec.begin(id, (live) =>
      this.#factory.create(id, {
        inputDone: (input, ok) => {
          if (live()) this.#inputDone(input, ok);
        },
        format: (format) => {
          if (live()) this.#formatFound(format);
        },
        picture: (picture) => {
          if (live()) this.#picture(picture);
        },
        drained: () => {
          if (live() && this.#codec.drained()) this.#move({ kind: 'drained' });
        },
        failed: (reason) => {
          if (live()) this.#failed(reason);
        },
      }),
    );
  }

  /** Closes the present decoder, if any, and forgets what was known of the stream. */
  #giveUp(): Promise<void> {
    this.#forget();
    return this.#codec.giveUp();
  }

  #forget(): void {
    this.#format = undefined;
    this.#applied = undefined;
    this.#rejoins = 'no';
  }

  /** Does what the phase allows: hands buffers to the decoder, returns a LAST buffer. Safe to call at any time. */
  #pump(): void {
    this.#returnKept();
    this.#submit();
    this.#giveLast();
    this.#supply();
  }

  /** The output queue is set up for the first format: what was done meanwhile comes back. */
  #returnKept(): void {
    const { kind } = this.#phase;
    if (this.#kept === undefined || kind === 'setup' || kind === 'changing' || kind === 'changed') return;
    const kept = this.#kept;
    this.#kept = undefined;
    for (const { id, ok } of kept) this.#codec.returnInput(id, ok);
  }

  #submit(): void {
    while (this.#codec.input.state === 'on' && takesInput(this.#phase)) if (!this.#codec.submitNext()) return;
  }

  #supply(): void {
    const { output } = this.#codec;
    while (this.#codec.supplies && this.#rejoins === 'no') {
      const { kind } = this.#phase;
      if ((kind !== 'decoding' && kind !== 'draining') || this.#layout === undefined) return;
      const layout = this.#layout;
      if (this.#applied !== layout) {
        this.#applied = layout;
        this.#codec.codec?.setOutput(layout);
        continue;
      }
      const next = output.take();
      if (next === undefined) return;
      if (fitsInto(layout, next.planes)) this.#codec.supply(next);
      else this.#codec.returnEmpty(next, { error: true, last: false });
    }
  }

  /** The LAST buffer may be any: one that waits here, or else one that the decoder gives back. */
  #giveLast(): void {
    const { kind } = this.#phase;
    const { output } = this.#codec;
    if ((kind !== 'changing' && kind !== 'ending') || output.state !== 'on') return;
    const next = output.take();
    if (next === undefined) {
      if (output.lent > 0) void this.#codec.recall();
      else this.#tellEnd();
      return;
    }
    this.#phase = nextPhase(this.#phase, { kind: 'last-given' });
    this.#codec.returnEmpty(next, { error: false, last: true });
    this.#tellEnd();
  }

  #tellEnd(): void {
    if (this.#end === 'told') return;
    this.#end = 'told';
    this.#events.endOfStream();
  }

  #inputDone(id: number, ok: boolean): void {
    if (this.#kept === undefined) this.#codec.returnInput(id, ok);
    else this.#kept.push({ id, ok });
  }

  #picture(picture: DecodedPicture): void {
    const { output } = this.#codec;
    const buffer = output.back(picture.targetId);
    // A stopping queue has no events; the buffer is free when the stop resolves.
    if (buffer === undefined || output.state !== 'on') return;
    this.#codec.returnOutput(buffer, {
      bytesUsed: picture.bytesUsed,
      cookie: this.#codec.cookieOf(picture.inputId),
      error: picture.error,
      last: false,
      type: picture.type,
      field: picture.field,
    });
  }

  #formatFound(format: StreamFormat): void {
    if (this.#rejoined(format)) return;
    const change = this.#format === undefined ? 'initial' : 'dynamic';
    this.#format = format;
    this.#applied = undefined;
    // The input that has the header stays queued until the output queue is set up, and what comes after it keeps its place.
    if (change === 'initial') this.#kept = [];
    const layout = this.#events.formatChanged(format, change);
    if (isOver(this.#phase)) return;
    if (this.#codec.output.state !== 'on') return this.#move({ kind: 'format-parked' });
    if (layout === undefined) return this.#move({ kind: 'format-stop' });
    this.#layout = layout;
    this.#move({ kind: 'format-kept' });
  }

  /** True if the format is the one that the stream had before it was restored: nobody is told again. */
  #rejoined(format: StreamFormat): boolean {
    if (this.#rejoins === 'no') return false;
    this.#rejoins = 'no';
    if (this.#layout === undefined || !samePlain(format, this.#format)) return false;
    this.#applied = this.#layout;
    this.#codec.codec?.setOutput(this.#layout);
    this.#pump();
    return true;
  }

  #failed(reason: string): void {
    this.#phase = nextPhase(this.#phase, { kind: 'fail', reason });
    this.#kept = undefined;
    this.#forget();
    this.#codec.fail(reason);
  }
}
