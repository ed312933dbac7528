// SPDX-License-Identifier: Apache-2.0
/**
 * What every coded stream is, whichever way it is coded: an input and an output queue of buffers over one codec, the cookies that
 * go from inputs to what is made of them, drains, failure and end. It knows neither formats nor phases: when something is to be
 * done is for the stream on top of it to say, `DecoderStream` for one.
 */
import type { BufferMemory, Codec, CodecId } from '../ports/index.ts';
import { CodecLife } from './codec-life.ts';
import { CookieTable } from './cookie-table.ts';
import { Loans } from './loans.ts';
import type { StreamOutput } from './stream-events.ts';

/** A buffer of the input queue: what the codec is to do with it, and what travels to the output that it makes. */
export interface InputBuffer<In, Job, Cookie> {
  readonly handle: In;
  readonly job: Job;
  readonly cookie: Cookie;
}

/** A buffer of the output queue. */
export interface OutputBuffer<Out> {
  readonly handle: Out;
  readonly planes: readonly BufferMemory[];
}

/** What a codec stream tells, and asks of, the stream on top of it. */
export interface CodecStreamOwner<C extends Codec, Job, In, Out, Cookie> {
  inputReturned(handle: In, ok: boolean): void;
  outputReturned(handle: Out, output: StreamOutput<Cookie>): void;
  failed(reason: string): void;
  /** Gives a job to the codec. */
  submit(codec: C, id: number, job: Job): void;
  /** All output buffers were taken back from the codec, and wait. */
  recalled(): void;
}

/** Two queues and the codec between them. `C` is the codec's port, `Job` what it takes, `In` and `Out` are handles of buffers. */
export class CodecStream<C extends Codec, Job, In, Out, Cookie> {
  readonly input = new Loans<InputBuffer<In, Job, Cookie>>();
  readonly output = new Loans<OutputBuffer<Out>>();
  /** output buffers returned since the queue was started */
  sequence = 0;
  readonly #owner: CodecStreamOwner<C, Job, In, Out, Cookie>;
  readonly #cookies = new CookieTable<Cookie>();
  #life: CodecLife<C> | undefined;
  #recalling: Promise<void> | undefined;
  /** the end of the last codec that was given up: until then it may still touch buffers */
  #closing: Promise<void> = Promise.resolve();
  /** codecs given up that may still touch buffers */
  #closings = 0;
  #drains = 0;
  /** the latest input that was returned, and the latest of which nothing is handed out any more */
  #returnedUpTo = -1;
  #droppedUpTo = -1;
  /** whether the codec was given input since it was made, flushed or asked to drain */
  #fed: 'no' | 'yes' = 'no';

  constructor(owner: CodecStreamOwner<C, Job, In, Out, Cookie>) {
    this.#owner = owner;
  }

  /** The codec; undefined without one. */
  get codec(): C | undefined {
    return this.#life?.codec;
  }

  /** Which codec it is. */
  get codecId(): CodecId | undefined {
    return this.#life?.id;
  }

  /** Makes the codec. False, and nothing changed, if none can be had. */
  begin(id: CodecId, make: (live: () => boolean) => C | undefined): boolean {
    const life = CodecLife.begin(id, make);
    if (life === undefined) return false;
    this.#life = life;
    return true;
  }

  /** Gives the oldest input to the codec. False if there is none, or no codec. */
  submitNext(): boolean {
    if (this.#life === undefined) return false;
    const next = this.input.take();
    if (next === undefined) return false;
    const id = this.input.lend(next);
    this.#cookies.set(id, next.cookie);
    this.#fed = 'yes';
    this.#owner.submit(this.#life.codec, id, next.job);
    return true;
  }

  /** True if output buffers may be lent: not while others are being taken back. */
  get supplies(): boolean {
    return this.output.state === 'on' && this.#recalling === undefined && this.#life !== undefined;
  }

  /** Lends an output buffer that was taken. */
  supply(buffer: OutputBuffer<Out>): void {
    const id = this.output.lend(buffer);
    this.#life?.codec.supply({ id, planes: buffer.planes });
  }

  /** Gives an input back that the codec is done with. */
  returnInput(id: number, ok: boolean): void {
    const buffer = this.input.back(id);
    this.#returnedUpTo = Math.max(this.#returnedUpTo, id);
    // A queue that is off or stopping has no events; the buffer is free when the stop resolves.
    if (buffer !== undefined && this.input.state === 'on') this.#owner.inputReturned(buffer.handle, ok);
  }

  /** Gives an output buffer back that has left the queue. */
  returnOutput(buffer: OutputBuffer<Out>, output: Omit<StreamOutput<Cookie>, 'sequence'>): void {
    this.#owner.outputReturned(buffer.handle, { ...output, sequence: this.sequence++ });
  }

  /** Gives an output buffer back with nothing in it. */
  returnEmpty(buffer: OutputBuffer<Out>, flags: Pick<StreamOutput<Cookie>, 'error' | 'last'>): void {
    const bytesUsed = buffer.planes.map(() => 0);
    this.returnOutput(buffer, { ...flags, bytesUsed, cookie: undefined, type: 'unknown', field: 0 });
  }

  /** The cookie of the input with a number; undefined if it was forgotten. */
  cookieOf(inputId: number): Cookie | undefined {
    return this.#cookies.get(inputId);
  }

  /** Asks the codec for everything that it holds. */
  drain(): void {
    this.#drains++;
    this.#fed = 'no';
    this.#life?.codec.drain();
  }

  /** The codec has done a drain. True if it is the latest: each is answered once, also one that was aborted. */
  drained(): boolean {
    this.#drains = Math.max(0, this.#drains - 1);
    return this.#drains === 0;
  }

  /** Takes all output buffers back from the codec; they wait, in their order, before those queued since. */
  recall(): Promise<void> {
    const life = this.#life;
    if (life === undefined) return Promise.resolve();
    this.#recalling ??= life.answered(life.codec.recall()).then(() => {
      this.#recalling = undefined;
      if (this.#life === life) this.output.takeBack();
      this.#owner.recalled();
    });
    return this.#recalling;
  }

  /** The buffer that carries a LAST: any that waits. `later`: the queue is not on, or the codec gives its own back. `none`: there is none. */
  takeForLast(): OutputBuffer<Out> | 'later' | 'none' {
    if (this.output.state !== 'on') return 'later';
    const buffer = this.output.take();
    if (buffer !== undefined) return buffer;
    return this.recalledAll() ? 'none' : 'later';
  }

  /** True if the codec has no output buffer; if not, they are taken back. */
  recalledAll(): boolean {
    if (this.output.lent > 0) void this.recall();
    return this.output.lent === 0;
  }

  /** Gives every waiting output buffer back, unused. */
  returnAllEmpty(): void {
    if (this.output.state !== 'on') return;
    for (const buffer of this.output.empty()) this.returnEmpty(buffer, { error: false, last: 'no' });
  }

  /** From now on what the codec made of inputs that were returned is not handed out. */
  dropMade(): void {
    this.#droppedUpTo = this.#returnedUpTo;
  }

  /** True if what was made of an input is not to be handed out. */
  isDropped(inputId: number): boolean {
    return inputId <= this.#droppedUpTo;
  }

  /** Drops what waits and asks the codec to drop what it has. When it resolves the input queue is off and its buffers are free. */
  async flush(): Promise<void> {
    const life = this.#life;
    if (life !== undefined) await life.answered(life.codec.flush());
    await this.#closing;
    this.input.dropLent();
    this.#cookies.clear();
    this.#drains = 0;
    this.#fed = 'no';
    this.input.state = 'off';
  }

  /** Takes all output buffers out of the queue. When it resolves the queue is off and its buffers are free. */
  async withdraw(): Promise<void> {
    await this.recall();
    await this.#closing;
    this.output.empty();
    this.output.state = 'off';
  }

  /** Closes the present codec, if any, and forgets what it was given. Rejects as the codec does, to whoever waits. */
  giveUp(): Promise<void> {
    const life = this.#life;
    this.#life = undefined;
    this.#drains = 0;
    this.#fed = 'no';
    this.#cookies.clear();
    if (life !== undefined) this.#closing = this.#end(life);
    return this.#closing;
  }

  /** Gives every queued buffer back, with its error set, and the codec up. */
  fail(reason: string): void {
    const inputs = this.input.empty();
    const outputs = this.output.empty();
    void this.giveUp();
    if (this.input.state !== 'stopping') for (const { handle } of inputs) this.#owner.inputReturned(handle, false);
    if (this.output.state !== 'stopping') for (const buffer of outputs) this.returnEmpty(buffer, { error: true, last: 'no' });
    this.#owner.failed(reason);
  }

  /** Ends it without events. When it resolves every buffer is free. */
  async close(): Promise<void> {
    this.input.state = 'off';
    this.output.state = 'off';
    await this.giveUp();
    this.input.empty();
    this.output.empty();
  }

  /** What keeps the queues and the codec from being saved. */
  get underWay(): string | undefined {
    if (this.input.state === 'stopping') return 'the input queue is stopping';
    if (this.output.state === 'stopping') return 'the output queue is stopping';
    const inputs = this.input.waiting + this.input.lent;
    if (inputs > 0) return `${inputs} inputs are queued`;
    const outputs = this.output.waiting + this.output.lent;
    if (outputs > 0) return `${outputs} output buffers are queued`;
    if (this.#drains > 0) return 'a drain is under way';
    if (this.#recalling !== undefined || this.#closings > 0) return 'a codec is giving buffers back';
    return this.#fed === 'yes' ? 'the codec has data of the stream: stop its input, or drain it' : undefined;
  }

  async #end(life: CodecLife<C>): Promise<void> {
    this.#closings++;
    try {
      await life.end();
    } finally {
      this.#closings--;
    }
  }
}
