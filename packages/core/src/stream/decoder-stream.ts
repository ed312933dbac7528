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
import { NotIdleError, SavedStateError } from '../base/index.ts';
import { fitsInto, type PictureLayout } from '../picture/index.ts';
import type { BufferMemory, CodecId, DecodedPicture, Decoder, StreamFormat } from '../ports/index.ts';
import { CodecStream } from './codec-stream.ts';
import { type DecoderEdge, type DecoderPhase, drainOf, isOver, nextPhase, takesInput } from './decoder-phase.ts';
import { KnownFormat } from './known-format.ts';
import { StreamError } from './stream-error.ts';
import type { DecoderStreamOptions, StreamInput, StreamQueueState, StreamResult } from './stream-events.ts';
import type { StreamPolicy } from './stream-policy.ts';
import { type DecoderStreamState, formatKnown, readStream } from './stream-state.ts';

/** The stream engine. `In` and `Out` are handles of buffers, `Cookie` travels from an input to the pictures it makes. */
export class DecoderStream<In, Out, Cookie> {
  readonly #o: DecoderStreamOptions<In, Out, Cookie>;
  readonly #codec: CodecStream<Decoder, StreamInput, In, Out, Cookie>;
  #phase: DecoderPhase = { kind: 'idle' };
  readonly #format = new KnownFormat();
  /** inputs that are done but stay queued, from a format on until the output queue is set up for it */
  #kept: { readonly id: number; readonly ok: boolean }[] | undefined;
  /** whether `endOfStream` is still to come for the drain that just ended */
  #end: 'told' | 'untold' = 'told';

  constructor(options: DecoderStreamOptions<In, Out, Cookie>) {
    this.#o = options;
    const { events } = options;
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
    return this.#format.told;
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
    // A change that was not told yet is dropped; the decoder finds it again in the next input.
    if (this.#o.policy.inputStop.untoldChange === 'dropped' && this.#format.dropUntold()) {
      this.#phase = nextPhase(nextPhase(this.#phase, { kind: 'stop-input' }), { kind: 'resume' });
    }
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
    this.#format.use(layout);
    this.#codec.sequence = 0;
    if (!fits) this.#phase = nextPhase(this.#phase, { kind: 'start-output' });
    this.#move({ kind: fits ? 'start-output' : 'format-stop' });
    return 'ok';
  }

  /**
   * Stops the output queue: takes back every queued buffer. What becomes of a drain, a change and the pictures that the decoder
   * still holds is the policy's affair. No `outputReturned` follows the call; when it resolves all output buffers are free.
   */
  async stopOutput(): Promise<void> {
    this.#codec.output.state = 'stopping';
    const { stream, pictures } = this.#o.policy.outputStop;
    if (pictures === 'dropped') this.#codec.dropMade();
    if (stream === 'set-up') this.#move({ kind: 'stop-output' });
    await this.#codec.withdraw();
    this.#pump();
  }

  /**
   * Asks for every picture of the inputs queued so far, then `endOfStream`, with a LAST buffer where the policy has one. Inputs
   * queued from now on wait.
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
   * Goes on after a change or the end of a drain that stopped the stream, or instead of a LAST buffer that is still owed, with the
   * layout that the output queue's buffers have now. `busy` in a drain, `ignored` where nothing is stopped, or was told to be.
   */
  resume(layout: PictureLayout): StreamResult {
    const { kind } = this.#phase;
    if (isOver(this.#phase)) return 'failed';
    if (this.#format.untold !== undefined) return 'ignored';
    if (kind === 'changing' || kind === 'changed' || kind === 'stopped') {
      this.#format.use(layout);
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
    this.#format.forget();
    await this.#codec.giveUp();
    this.#codec.output.takeBack();
  }

  /** Ends the stream. No event follows the call; when it resolves every buffer is free. */
  async close(): Promise<void> {
    this.#phase = nextPhase(this.#phase, { kind: 'close' });
    this.#kept = undefined;
    this.#format.forget();
    await this.#codec.close();
  }

  /**
   * The stream as plain data. Throws `NotIdleError` while a queue is stopping, buffers are queued, a drain is under way, a format
   * waits for its layout, or a decoder has data of the stream: that is so from its first input on until a seek or the end of a drain.
   */
  save(): DecoderStreamState {
    const underWay = this.#codec.underWay ?? this.#format.underWay(formatKnown(this.#phase));
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
    const codecs = this.#o.factory.capabilities.map(({ codec }) => codec);
    const start = readStream(state, codecs, { format: format !== undefined, layout: layout !== undefined });
    if (start.codec !== null && !this.#begin(start.codec)) {
      throw new SavedStateError('stream.codec', start.codec, 'a codec for which a decoder can be had now');
    }
    this.#phase = start.phase;
    input.state = start.input;
    output.state = start.output;
    this.#format.restore(format, layout);
    this.#end = start.end;
    this.#codec.sequence = start.sequence;
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
      this.#o.factory.create(id, {
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

  /** Does what the phase allows: hands buffers to the decoder, gives the output queue what it is owed. Safe to call at any time. */
  #pump(): void {
    this.#returnKept();
    this.#submit();
    if (this.#phase.kind === 'changing') this.#settleChange(this.#o.policy.change);
    else if (this.#phase.kind === 'ending') this.#settleEnd();
    this.#supply();
  }

  /** The output queue is set up for the format: what was done meanwhile comes back. */
  #returnKept(): void {
    const { kind } = this.#phase;
    if (this.#kept === undefined || kind === 'setup' || kind === 'changing' || kind === 'changed') return;
    const kept = this.#kept;
    this.#kept = undefined;
    for (const { id, ok } of kept) this.#codec.returnInput(id, ok);
  }

  #submit(): void {
    const { input } = this.#codec;
    while (input.state === 'on' && takesInput(this.#phase)) {
      const again = input.waiting > 0 ? this.#format.findAgain() : undefined;
      if (again !== undefined) this.#formatFound(again);
      else if (!this.#codec.submitNext()) return;
    }
  }

  #supply(): void {
    const { output } = this.#codec;
    while (this.#codec.supplies) {
      const { kind } = this.#phase;
      if ((kind !== 'decoding' && kind !== 'draining') || !this.#format.apply(this.#codec.codec)) return;
      const next = output.take();
      if (next === undefined) return;
      if (this.#format.layout !== undefined && fitsInto(this.#format.layout, next.planes)) this.#codec.supply(next);
      else this.#codec.returnEmpty(next, { error: true, last: 'no' });
    }
  }

  /** Gives the output queue what it gets at a change, and tells the change if that comes after it. */
  #settleChange(gets: StreamPolicy['change']): void {
    const last = gets === 'last-buffer' ? this.#codec.takeForLast() : undefined;
    // The decoder has no buffer any more when the change is over: they may be too small for the new pictures.
    if (typeof last === 'string' || (gets !== 'last-buffer' && !this.#codec.recalledAll())) return;
    this.#phase = nextPhase(this.#phase, { kind: 'last-given' });
    if (last !== undefined) this.#codec.returnEmpty(last, { error: false, last: 'change' });
    if (gets === 'return-all') this.#codec.returnAllEmpty();
    this.#tellFormat();
  }

  /** Ends a drain: stops, or goes on. */
  #settleEnd(): void {
    const { drained } = this.#o.policy;
    const last = drained === 'told' ? undefined : this.#codec.takeForLast();
    if (typeof last === 'string') {
      if (last === 'none' && drained === 'stops') this.#tellEnd();
      return;
    }
    this.#phase = nextPhase(this.#phase, { kind: 'last-given' });
    if (drained !== 'stops') this.#phase = nextPhase(this.#phase, { kind: 'resume' });
    if (last !== undefined) this.#codec.returnEmpty(last, { error: false, last: 'drain' });
    this.#tellEnd();
    this.#submit();
  }

  #tellEnd(): void {
    if (this.#end === 'told') return;
    this.#end = 'told';
    this.#o.events.endOfStream();
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
    if (this.#codec.isDropped(picture.inputId)) {
      output.putBack(buffer);
      return this.#supply();
    }
    this.#codec.returnOutput(buffer, {
      bytesUsed: picture.bytesUsed,
      cookie: this.#codec.cookieOf(picture.inputId),
      error: picture.error,
      last: 'no',
      type: picture.type,
      field: picture.field,
    });
  }

  #formatFound(format: StreamFormat): void {
    if (this.#format.rejoined(format, this.#codec.codec)) return this.#pump();
    const { policy, fits } = this.#o;
    if (this.#codec.input.state !== 'on' && policy.inputStop.untoldChange === 'dropped') return this.#format.putOff(format);
    const answer = fits(format);
    if (answer === 'beyond-limits') {
      return this.#failed(`the stream's pictures of ${format.codedWidth}x${format.codedHeight} are beyond the limits`);
    }
    const change = this.#format.told === undefined ? 'initial' : 'dynamic';
    const outputs = this.#parks ? 'parked' : answer === 'stop' ? 'stopped' : 'kept';
    this.#format.found({ format, change, outputs });
    // The input that has the header stays queued until the output queue is set up, and what comes after it keeps its place.
    if (change === 'initial' || policy.keptInputs === 'of-every-change') this.#kept ??= [];
    if (outputs !== 'stopped' || policy.tellChange === 'before') this.#tellFormat();
    if (answer !== 'stop' && outputs === 'kept') this.#format.layout = answer;
    if (outputs === 'parked') return this.#move({ kind: 'format-parked' });
    if (outputs === 'kept') return this.#move({ kind: 'format-kept' });
    this.#phase = nextPhase(this.#phase, { kind: 'format-stop' });
    if (this.#phase.kind !== 'changing') this.#tellFormat();
    else if (change === 'initial') this.#settleChange(policy.firstChange);
    this.#pump();
  }

  /** Whether a format waits for the next start of the output queue. */
  get #parks(): boolean {
    const { output } = this.#codec;
    return output.state !== 'on' && (this.#o.policy.outputStop.stream === 'set-up' || this.#format.layout === undefined);
  }

  #tellFormat(): void {
    const untold = this.#format.tell();
    if (untold !== undefined) this.#o.events.formatChanged(untold.format, untold.change, untold.outputs);
  }

  #failed(reason: string): void {
    this.#phase = nextPhase(this.#phase, { kind: 'fail', reason });
    this.#kept = undefined;
    this.#format.forget();
    this.#codec.fail(reason);
  }
}
