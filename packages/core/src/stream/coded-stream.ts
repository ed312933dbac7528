// SPDX-License-Identifier: Apache-2.0
/**
 * One coded stream over the `Decoder` port: an input and an output queue of buffers, drain, seek, format change and death
 * of the decoder. What V4L2's stateful decoder and virtio-video have in common, below both.
 *
 * Buffers are the user's: the stream knows them by handle and memory, and gives each back exactly once, through an event
 * or, all at once and without events, when `stopInput`, `stopOutput` or `close` resolves.
 *
 * The phases and their edges are drawn in `stream-phase.ts`. Beside the phase each queue is off, on or stopping.
 */
import { NotIdleError, SavedStateError, samePlain } from '../base/index.ts';
import { fitsInto, type PictureLayout } from '../picture/index.ts';
import type { BufferMemory, CodecId, DecodedPicture, DecoderFactory, StreamFormat } from '../ports/index.ts';
import { CookieTable } from './cookie-table.ts';
import { DecoderLife } from './decoder-life.ts';
import { StreamError } from './stream-error.ts';
import type { StreamEvents, StreamInput, StreamOutput, StreamQueueState, StreamResult } from './stream-events.ts';
import { drainOf, isOver, nextPhase, type StreamEdge, type StreamPhase, takesInput } from './stream-phase.ts';
import { type CodedStreamState, formatKnown, readStream } from './stream-state.ts';

interface WaitingInput<In, Cookie> {
  readonly handle: In;
  readonly input: StreamInput;
  readonly cookie: Cookie;
}

interface OutputBuffer<Out> {
  readonly handle: Out;
  readonly planes: readonly BufferMemory[];
}

/** The stream engine. `In` and `Out` are handles of buffers, `Cookie` travels from an input to the pictures it makes. */
export class CodedStream<In, Out, Cookie> {
  readonly #factory: DecoderFactory;
  readonly #events: StreamEvents<In, Out, Cookie>;
  #phase: StreamPhase = { kind: 'idle' };
  #input: StreamQueueState = 'off';
  #output: StreamQueueState = 'off';
  #life: DecoderLife | undefined;
  #format: StreamFormat | undefined;
  /** the layout of the output queue, and the one that the decoder was told for the present format */
  #layout: PictureLayout | undefined;
  #applied: PictureLayout | undefined;
  #waiting: WaitingInput<In, Cookie>[] = [];
  readonly #decoding = new Map<number, In>();
  /** inputs that are done but stay queued, from the first format until the output queue is set up for it */
  #kept: { readonly handle: In; readonly ok: boolean }[] | undefined;
  readonly #cookies = new CookieTable<Cookie>();
  #held: OutputBuffer<Out>[] = [];
  readonly #lent = new Map<number, OutputBuffer<Out>>();
  #recalling: Promise<void> | undefined;
  /** the end of the last decoder that was given up: until then it may still touch buffers */
  #closing: Promise<void> = Promise.resolve();
  /** whether `endOfStream` is still to come for the drain that just ended */
  #end: 'told' | 'untold' = 'told';
  #drains = 0;
  /** whether the decoder was given input since it was made, flushed or asked to drain */
  #fed: 'no' | 'yes' = 'no';
  /** decoders given up that may still touch buffers */
  #closings = 0;
  /** whether the decoder was made for a restored stream and has not found the format yet that is known */
  #rejoins: 'no' | 'yes' = 'no';
  #nextInput = 0;
  #nextTarget = 0;
  #sequence = 0;

  constructor(factory: DecoderFactory, events: StreamEvents<In, Out, Cookie>) {
    this.#factory = factory;
    this.#events = events;
  }

  /** Where the stream is. */
  get phase(): StreamPhase {
    return this.#phase;
  }

  /** The format last told by `formatChanged`; undefined before the first. */
  get format(): StreamFormat | undefined {
    return this.#format;
  }

  /** State of the input queue. */
  get input(): StreamQueueState {
    return this.#input;
  }

  /** Queues coded data, in any state of the input queue. False, and nothing taken, after a failure or close. */
  queueInput(handle: In, input: StreamInput, cookie: Cookie): boolean {
    if (isOver(this.#phase)) return false;
    this.#waiting.push({ handle, input, cookie });
    this.#pump();
    return true;
  }

  /** Queues memory for a picture, in any state of the output queue. False, and nothing taken, after a failure or close. */
  queueOutput(handle: Out, planes: readonly BufferMemory[]): boolean {
    if (isOver(this.#phase)) return false;
    this.#held.push({ handle, planes });
    this.#pump();
    return true;
  }

  /** Starts the input queue; makes a decoder if there is none. */
  startInput(codec: CodecId): StreamResult {
    if (isOver(this.#phase)) return 'failed';
    if (this.#input !== 'off') return 'ignored';
    if (this.#life === undefined) {
      this.#life = this.#create(codec);
      if (this.#life === undefined) return 'unavailable';
    }
    this.#input = 'on';
    this.#move({ kind: 'start-input' });
    return 'ok';
  }

  /**
   * Stops the input queue (seek): drops every queued input and everything in flight, and aborts a drain. No
   * `inputReturned` follows the call; when it resolves all inputs are free. Ends a failure.
   */
  async stopInput(): Promise<void> {
    this.#input = 'stopping';
    this.#waiting = [];
    this.#kept = undefined;
    this.#move({ kind: 'stop-input' });
    const life = this.#life;
    if (life !== undefined) await life.answered(life.decoder.flush());
    await this.#closing;
    this.#decoding.clear();
    this.#cookies.clear();
    this.#drains = 0;
    this.#fed = 'no';
    this.#input = 'off';
    if (this.#phase.kind === 'failed') this.#move({ kind: 'stop-input' });
  }

  /**
   * Starts the output queue with the layout of its buffers (which is of no interest while the format is not known). `fits`
   * is false if they were made before the format was found and cannot hold it: a LAST buffer then says that they have to
   * be made again, as if the format had come a moment later.
   */
  startOutput(layout: PictureLayout, fits = true): StreamResult {
    if (isOver(this.#phase)) return 'failed';
    if (this.#output !== 'off') return 'ignored';
    this.#output = 'on';
    this.#layout = layout;
    this.#sequence = 0;
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
    this.#output = 'stopping';
    this.#move({ kind: 'stop-output' });
    await this.#recall();
    await this.#closing;
    this.#held = [];
    this.#lent.clear();
    this.#output = 'off';
  }

  /**
   * Asks for every picture of the inputs queued so far, then a LAST buffer and `endOfStream`. Inputs queued from now on wait.
   * `ignored` unless both queues are on, or if the stream is stopped already.
   */
  drain(): StreamResult {
    if (isOver(this.#phase)) return 'failed';
    if (drainOf(this.#phase) !== 'no') return 'busy';
    const before = this.#phase;
    if (this.#input !== 'on' || this.#output !== 'on' || this.#life === undefined) return 'ignored';
    this.#phase = nextPhase(before, { kind: 'drain' });
    if (this.#phase === before) return 'ignored';
    this.#drains++;
    this.#fed = 'no';
    this.#life.decoder.drain();
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
    this.#takeBack();
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
    this.#input = 'off';
    this.#output = 'off';
    await this.#giveUp();
    this.#waiting = [];
    this.#kept = undefined;
    this.#decoding.clear();
    this.#held = [];
    this.#lent.clear();
  }

  /**
   * The stream as plain data. Throws `NotIdleError` while a queue is stopping, buffers are queued, a drain is under way, a format
   * waits for its layout, or a decoder has data of the stream: that is so from its first input on until a seek or the end of a drain.
   */
  save(): CodedStreamState {
    const underWay = this.#underWay();
    if (underWay !== undefined) throw new NotIdleError(underWay);
    const [input, output] = [this.#input === 'on' ? 'on' : 'off', this.#output === 'on' ? 'on' : 'off'] as const;
    return {
      phase: { ...this.#phase },
      input,
      output,
      codec: this.#life?.codec ?? null,
      end: this.#end,
      sequence: this.#sequence,
    };
  }

  /**
   * Goes on as the stream that was saved, with a new decoder where it had one. What is queued next must begin where decoding can
   * begin, with the stream's headers: the decoder finds the format again, and tells only one that is another. `format` is what
   * `formatChanged` told last, `layout` what the output queue's buffers have. Throws `SavedStateError` for a state that cannot
   * be, or whose decoder cannot be had, and `StreamError` for a stream that was used; nothing is changed then.
   */
  restore(state: unknown, format: StreamFormat | undefined, layout: PictureLayout | undefined): void {
    const used = this.#phase.kind !== 'idle' || this.#output !== 'off' || this.#waiting.length > 0 || this.#held.length > 0;
    if (used) throw new StreamError(`the stream is in use (${this.#phase.kind}): only a fresh one is restored`);
    const codecs = this.#factory.capabilities.map(({ codec }) => codec);
    const start = readStream(state, codecs, { format: format !== undefined, layout: layout !== undefined });
    const life = start.codec === null ? undefined : this.#create(start.codec);
    if (start.codec !== null && life === undefined) {
      throw new SavedStateError('stream.codec', start.codec, 'a codec for which a decoder can be had now');
    }
    this.#life = life;
    this.#phase = start.phase;
    this.#input = start.input;
    this.#output = start.output;
    this.#format = format;
    this.#layout = layout;
    this.#rejoins = format === undefined ? 'no' : 'yes';
    this.#end = start.end;
    this.#sequence = start.sequence;
  }

  /** What keeps the stream from being saved. */
  #underWay(): string | undefined {
    if (this.#input === 'stopping') return 'the input queue is stopping';
    if (this.#output === 'stopping') return 'the output queue is stopping';
    const inputs = this.#waiting.length + this.#decoding.size + (this.#kept?.length ?? 0);
    if (inputs > 0) return `${inputs} inputs are queued`;
    const outputs = this.#held.length + this.#lent.size;
    if (outputs > 0) return `${outputs} output buffers are queued`;
    if (this.#drains > 0) return 'a drain is under way';
    if (this.#recalling !== undefined || this.#closings > 0) return 'a decoder is giving buffers back';
    if (this.#fed === 'yes') return 'the decoder has data of the stream: stop its input, or drain it';
    const unanswered = formatKnown(this.#phase) && this.#applied === undefined && this.#rejoins === 'no';
    return unanswered ? 'the decoder waits for the layout of the format that it found' : undefined;
  }

  #move(edge: StreamEdge): void {
    const before = this.#phase;
    this.#phase = nextPhase(before, edge);
    if (this.#phase !== before) this.#end = this.#phase.kind === 'ending' ? 'untold' : 'told';
    this.#pump();
  }

  #create(codec: CodecId): DecoderLife | undefined {
    return DecoderLife.begin(this.#factory, codec, {
      inputDone: (id, ok) => this.#inputDone(id, ok),
      format: (format) => this.#formatFound(format),
      picture: (picture) => this.#picture(picture),
      drained: () => this.#drained(),
      failed: (reason) => this.#failed(reason),
    });
  }

  /** Closes the present decoder, if any, and forgets what was known of the stream. */
  #giveUp(): Promise<void> {
    const life = this.#life;
    this.#life = undefined;
    this.#format = undefined;
    this.#applied = undefined;
    this.#drains = 0;
    this.#fed = 'no';
    this.#rejoins = 'no';
    this.#cookies.clear();
    if (life !== undefined) this.#closing = this.#endLife(life);
    return this.#closing;
  }

  /** Ends a decoder; rejects as it does, to whoever waits. */
  async #endLife(life: DecoderLife): Promise<void> {
    this.#closings++;
    try {
      await life.end();
    } finally {
      this.#closings--;
    }
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
    for (const { handle, ok } of kept) this.#events.inputReturned(handle, ok);
  }

  #submit(): void {
    while (this.#input === 'on' && takesInput(this.#phase)) {
      const next = this.#waiting.shift();
      if (next === undefined || this.#life === undefined) return;
      const id = this.#nextInput++;
      this.#decoding.set(id, next.handle);
      this.#cookies.set(id, next.cookie);
      this.#fed = 'yes';
      this.#life.decoder.decode({ id, ...next.input });
    }
  }

  #supply(): void {
    while (this.#output === 'on' && this.#recalling === undefined && this.#rejoins === 'no') {
      const { kind } = this.#phase;
      if ((kind !== 'decoding' && kind !== 'draining') || this.#life === undefined || this.#layout === undefined) return;
      const layout = this.#layout;
      if (this.#applied !== layout) {
        this.#applied = layout;
        this.#life.decoder.setOutput(layout);
        continue;
      }
      const next = this.#held.shift();
      if (next === undefined) return;
      if (!fitsInto(layout, next.planes)) {
        this.#returnEmpty(next, { error: true, last: false });
        continue;
      }
      const id = this.#nextTarget++;
      this.#lent.set(id, next);
      this.#life.decoder.supply({ id, planes: next.planes });
    }
  }

  /** The LAST buffer may be any: one that waits here, or else one that the decoder gives back. */
  #giveLast(): void {
    const { kind } = this.#phase;
    if ((kind !== 'changing' && kind !== 'ending') || this.#output !== 'on') return;
    const next = this.#held.shift();
    if (next === undefined) {
      if (this.#lent.size > 0) void this.#recall();
      else this.#tellEnd();
      return;
    }
    this.#phase = nextPhase(this.#phase, { kind: 'last-given' });
    this.#returnEmpty(next, { error: false, last: true });
    this.#tellEnd();
  }

  #tellEnd(): void {
    if (this.#end === 'told') return;
    this.#end = 'told';
    this.#events.endOfStream();
  }

  /** Takes all targets back from the decoder; they are held, in their order, before those queued since. */
  #recall(): Promise<void> {
    const life = this.#life;
    if (life === undefined) return Promise.resolve();
    this.#recalling ??= life.answered(life.decoder.recall()).then(() => {
      this.#recalling = undefined;
      if (this.#life === life) this.#takeBack();
      this.#pump();
    });
    return this.#recalling;
  }

  #takeBack(): void {
    this.#held.unshift(...this.#lent.values());
    this.#lent.clear();
  }

  #returnEmpty(buffer: OutputBuffer<Out>, flags: { error: boolean; last: boolean }): void {
    this.#return(buffer, { ...flags, bytesUsed: buffer.planes.map(() => 0), cookie: undefined, type: 'unknown', field: 0 });
  }

  #return(buffer: OutputBuffer<Out>, output: Omit<StreamOutput<Cookie>, 'sequence'>): void {
    this.#events.outputReturned(buffer.handle, { ...output, sequence: this.#sequence++ });
  }

  #inputDone(id: number, ok: boolean): void {
    const handle = this.#decoding.get(id);
    if (handle === undefined || !this.#decoding.delete(id)) return;
    if (this.#input !== 'on') return;
    if (this.#kept === undefined) this.#events.inputReturned(handle, ok);
    else this.#kept.push({ handle, ok });
  }

  #picture(picture: DecodedPicture): void {
    const buffer = this.#lent.get(picture.targetId);
    if (buffer === undefined) return;
    this.#lent.delete(picture.targetId);
    // A stopping queue has no events; the buffer is free when the stop resolves.
    if (this.#output !== 'on') return;
    this.#return(buffer, {
      bytesUsed: picture.bytesUsed,
      cookie: this.#cookies.get(picture.inputId),
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
    if (this.#output !== 'on') return this.#move({ kind: 'format-parked' });
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
    this.#life?.decoder.setOutput(this.#layout);
    this.#pump();
    return true;
  }

  #drained(): void {
    // Each drain is answered once, also one that was aborted: only the answer to the latest one counts.
    this.#drains = Math.max(0, this.#drains - 1);
    if (this.#drains === 0) this.#move({ kind: 'drained' });
  }

  #failed(reason: string): void {
    this.#phase = nextPhase(this.#phase, { kind: 'fail', reason });
    this.#takeBack();
    const kept = (this.#kept ?? []).map(({ handle }) => handle);
    const inputs = [...kept, ...this.#decoding.values(), ...this.#waiting.map((waiting) => waiting.handle)];
    const outputs = this.#held;
    this.#decoding.clear();
    this.#kept = undefined;
    this.#waiting = [];
    this.#held = [];
    void this.#giveUp();
    if (this.#input !== 'stopping') for (const handle of inputs) this.#events.inputReturned(handle, false);
    if (this.#output !== 'stopping') for (const buffer of outputs) this.#returnEmpty(buffer, { error: true, last: false });
    this.#events.failed(reason);
  }
}
