// SPDX-License-Identifier: Apache-2.0
/**
 * A stream that is encoded, over the `Encoder` port: start, drain, reset and death of the encoder. The input queue has pictures, the
 * output queue memory for coded data.
 *
 * Buffers are the user's: the stream knows them by handle and memory, and gives each back exactly once, through an event
 * or, all at once and without events, when `stopInput`, `stopOutput` or `close` resolves.
 */
import type { BufferMemory, CodecId, CodedResult, Encoder, EncoderEvents } from '../ports/index.ts';
import { CodecStream } from './codec-stream.ts';
import { type EncoderEdge, type EncoderPhase, nextEncoderPhase } from './encoder-phase.ts';
import type { StreamEvents, StreamResult } from './stream-events.ts';

/** What an encoder's stream is made of. */
export interface EncoderStreamOptions<In, Out, Cookie> {
  /** The codec that a stream that begins now is coded in. */
  readonly codec: () => CodecId;
  /** Makes the encoder of a stream that begins; undefined if none can be had. */
  readonly create: (events: EncoderEvents) => Encoder | undefined;
  readonly events: Omit<StreamEvents<In, Out, Cookie>, 'formatChanged'>;
}

/** The stream engine. `In` and `Out` are handles of buffers, `Cookie` travels from a picture to what is made of it. */
export class EncoderStream<In, Out, Cookie> {
  readonly #o: EncoderStreamOptions<In, Out, Cookie>;
  readonly #codec: CodecStream<Encoder, readonly BufferMemory[], In, Out, Cookie>;
  #phase: EncoderPhase = 'idle';
  /** whether `endOfStream` was told for the drain that just ended */
  #end: 'told' | 'untold' = 'told';

  constructor(options: EncoderStreamOptions<In, Out, Cookie>) {
    this.#o = options;
    const { events } = options;
    this.#codec = new CodecStream({
      inputReturned: (handle, ok) => events.inputReturned(handle, ok),
      outputReturned: (handle, output) => events.outputReturned(handle, output),
      failed: (reason) => events.failed(reason),
      submit: (encoder, id, planes) => encoder.encode({ id, planes }),
      recalled: () => this.#pump(),
    });
  }

  /** Where the stream is. */
  get phase(): EncoderPhase {
    return this.#phase;
  }

  /** Queues a picture, in any state of the input queue. False, and nothing taken, after a failure or close. */
  queueInput(handle: In, planes: readonly BufferMemory[], cookie: Cookie): boolean {
    if (this.#over) return false;
    this.#codec.input.add({ handle, job: planes, cookie });
    this.#pump();
    return true;
  }

  /** Queues memory for coded data, in any state of the output queue. False, and nothing taken, after a failure or close. */
  queueOutput(handle: Out, planes: readonly BufferMemory[]): boolean {
    if (this.#over) return false;
    this.#codec.output.add({ handle, planes });
    this.#pump();
    return true;
  }

  /** Starts the input queue. `unavailable`, and nothing changed, if a stream would begin now and no encoder can be had. */
  startInput(): StreamResult {
    return this.#start(this.#codec.input);
  }

  /** Starts the output queue; otherwise as `startInput`. */
  startOutput(): StreamResult {
    const result = this.#start(this.#codec.output);
    if (result === 'ok') this.#codec.sequence = 0;
    return result;
  }

  /**
   * Stops the input queue: drops every queued picture and everything in flight, and aborts a drain. The coded stream goes on. No
   * `inputReturned` follows the call; when it resolves all inputs are free.
   */
  async stopInput(): Promise<void> {
    this.#codec.input.state = 'stopping';
    this.#codec.input.dropWaiting();
    this.#move('stop-input');
    await this.#codec.flush();
  }

  /**
   * Stops the output queue, and with it the coded stream: the next one begins with another encoder, and with the pictures that this
   * one had not given back. No `outputReturned` follows the call; when it resolves all output buffers are free.
   */
  async stopOutput(): Promise<void> {
    const { input, output } = this.#codec;
    output.state = 'stopping';
    this.#move('stop-output');
    await this.#codec.giveUp();
    if (input.state === 'on') input.takeBack();
    output.empty();
    output.state = 'off';
  }

  /**
   * Asks for the coded data of every picture queued so far, then a LAST buffer and `endOfStream`. Pictures queued from now on wait.
   * `ignored` unless both queues are on, or if the stream is stopped already.
   */
  drain(): StreamResult {
    if (this.#over) return 'failed';
    if (this.#phase === 'draining' || this.#phase === 'ending') return 'busy';
    if (this.#phase !== 'encoding' || this.#codec.input.state !== 'on') return 'ignored';
    this.#move('drain');
    this.#codec.drain();
    return 'ok';
  }

  /** Goes on after the end of a drain. `busy` in a drain, `ignored` where nothing is stopped. */
  resume(): StreamResult {
    if (this.#over) return 'failed';
    if (this.#phase === 'draining' || this.#phase === 'ending') return 'busy';
    if (this.#phase !== 'stopped') return 'ignored';
    this.#move('resume');
    return 'ok';
  }

  /** Ends the stream. No event follows the call; when it resolves every buffer is free. */
  async close(): Promise<void> {
    this.#phase = nextEncoderPhase(this.#phase, 'close');
    await this.#codec.close();
  }

  get #over(): boolean {
    return this.#phase === 'failed' || this.#phase === 'closed';
  }

  #start(queue: { state: 'off' | 'on' | 'stopping' }): StreamResult {
    if (this.#over) return 'failed';
    if (queue.state !== 'off') return 'ignored';
    queue.state = 'on';
    const { input, output } = this.#codec;
    if (this.#phase === 'idle' && input.state === 'on' && output.state === 'on') {
      if (!this.#begin()) {
        queue.state = 'off';
        return 'unavailable';
      }
      this.#move('begin');
    }
    this.#pump();
    return 'ok';
  }

  /** Makes an encoder; false if none can be had. What it says after its end is not heard. */
  #begin(): boolean {
    return this.#codec.begin(this.#o.codec(), (live) =>
      this.#o.create({
        inputDone: (id, ok) => {
          if (live()) this.#codec.returnInput(id, ok);
        },
        coded: (result) => {
          if (live()) this.#coded(result);
        },
        drained: () => {
          if (live() && this.#codec.drained()) this.#move('drained');
        },
        failed: (reason) => {
          if (live()) this.#failed(reason);
        },
      }),
    );
  }

  #move(edge: EncoderEdge): void {
    const before = this.#phase;
    this.#phase = nextEncoderPhase(before, edge);
    if (this.#phase !== before) this.#end = this.#phase === 'ending' ? 'untold' : 'told';
    this.#pump();
  }

  /** Does what the phase allows: hands buffers to the encoder, gives the LAST buffer that is owed. Safe to call at any time. */
  #pump(): void {
    const { input, output } = this.#codec;
    while (this.#phase === 'encoding' && input.state === 'on' && this.#codec.submitNext());
    if (this.#phase === 'ending') this.#settleEnd();
    while ((this.#phase === 'encoding' || this.#phase === 'draining') && this.#codec.supplies) {
      const next = output.take();
      if (next === undefined) return;
      this.#codec.supply(next);
    }
  }

  /** Ends a drain, with any buffer that can carry the LAST. */
  #settleEnd(): void {
    const last = this.#codec.takeForLast();
    if (last === 'later') return;
    if (last !== 'none') {
      this.#phase = nextEncoderPhase(this.#phase, 'last-given');
      this.#codec.returnEmpty(last, { error: false, last: 'drain' });
    }
    if (this.#end === 'told') return;
    this.#end = 'told';
    this.#o.events.endOfStream();
  }

  #coded({ targetId, inputId, bytesUsed, error, type }: CodedResult): void {
    const buffer = this.#codec.output.back(targetId);
    // A stopping queue has no events; the buffer is free when the stop resolves.
    if (buffer === undefined || this.#codec.output.state !== 'on') return;
    const cookie = this.#codec.cookieOf(inputId);
    this.#codec.returnOutput(buffer, { bytesUsed: [bytesUsed], cookie, error, last: 'no', type, field: 0 });
  }

  #failed(reason: string): void {
    this.#phase = nextEncoderPhase(this.#phase, 'fail');
    this.#codec.fail(reason);
  }
}
