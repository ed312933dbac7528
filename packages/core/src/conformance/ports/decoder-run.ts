// SPDX-License-Identifier: Apache-2.0
import type { PictureLayout } from '../../picture/index.ts';
import type {
  BufferMemory,
  CodecId,
  CodecTarget,
  DecodedPicture,
  Decoder,
  DecoderFactory,
  StreamFormat,
} from '../../ports/index.ts';
import { demand, PortError } from './port-case.ts';

/** A coded stream whose decoding is known. */
export interface KnownStream {
  /** access units in decode order; the first can be decoded on its own */
  readonly chunks: readonly Uint8Array[];
  /** for each picture in display order: the chunk in which it began */
  readonly order: readonly number[];
  readonly codedWidth: number;
  readonly codedHeight: number;
  /** bytes of a picture, by its place in display order, one array per memory plane; absent where nobody knows */
  readonly picture?: (place: number, layout: PictureLayout) => readonly Uint8Array[];
}

/** What a decoder suite needs of the adapter under test. */
export interface DecoderFixture {
  readonly factory: DecoderFactory;
  readonly codec: CodecId;
  readonly stream: KnownStream;
  /** a stream of another size, for changes of format */
  readonly other: KnownStream;
  layout(format: StreamFormat): PictureLayout;
  /** memory that holds `bytes` */
  coded(bytes: Uint8Array): BufferMemory;
  /** memory for one picture */
  target(layout: PictureLayout): readonly BufferMemory[];
  read(memory: BufferMemory): Uint8Array;
  write(memory: BufferMemory, bytes: Uint8Array): void;
  /** resolves when a decoder that has nothing to do but wait has come to rest */
  settle(): Promise<void>;
  close(): Promise<void>;
}

/** Something that a decoder told, in order. */
export type DecoderEvent =
  | { readonly kind: 'input'; readonly id: number; readonly ok: boolean }
  | { readonly kind: 'format'; readonly format: StreamFormat }
  | { readonly kind: 'picture'; readonly picture: DecodedPicture; readonly bytes: readonly Uint8Array[] }
  | { readonly kind: 'drained' }
  | { readonly kind: 'failed'; readonly reason: string };

/** A decoder at work: keeps the accounts of loans and notes every event. */
export class DecoderRun {
  readonly fixture: DecoderFixture;
  readonly decoder: Decoder;
  readonly events: DecoderEvent[] = [];
  /** inputs lent and not yet given back */
  readonly inputs = new Set<number>();
  /** targets lent and not yet given back */
  readonly targets = new Map<number, readonly BufferMemory[]>();
  /** `auto`: answers formats and keeps two more targets lent than the format's least; `manual`: the test does it */
  mode: 'auto' | 'manual' = 'auto';
  layout: PictureLayout | undefined;
  #nextInput = 0;
  #nextTarget = 0;
  #closed = false;
  /** the first rule that an event broke: events must not throw, so it comes out of the next wait or the close */
  #breach: PortError | undefined;
  #waiters: { readonly ready: () => boolean; readonly resolve: () => void }[] = [];

  constructor(fixture: DecoderFixture) {
    this.fixture = fixture;
    const decoder = fixture.factory.create(fixture.codec, {
      inputDone: (id, ok) => {
        this.#rule(this.inputs.delete(id), `input ${id} was given back although it was not lent, or twice`);
        this.#note({ kind: 'input', id, ok });
      },
      format: (format) => {
        this.#note({ kind: 'format', format });
        if (this.mode === 'auto') this.answer(format);
      },
      picture: (picture) => this.#picture(picture),
      drained: () => this.#note({ kind: 'drained' }),
      failed: (reason) => this.#note({ kind: 'failed', reason }),
    });
    demand(decoder !== undefined, `the factory makes no decoder for ${fixture.codec}`);
    this.decoder = decoder;
  }

  /** Submits one input of its own for each chunk; returns their ids. */
  feed(chunks: readonly Uint8Array[]): number[] {
    return chunks.map((bytes) => {
      const id = this.#nextInput++;
      this.inputs.add(id);
      const memory = this.fixture.coded(bytes);
      this.decoder.decode({ id, memory, offset: 0, length: bytes.length, mayContinue: false });
      return id;
    });
  }

  /** Answers a format: sets the output, and in `auto` mode lends targets. */
  answer(format: StreamFormat): void {
    this.layout = this.fixture.layout(format);
    this.decoder.setOutput(this.layout);
    if (this.mode === 'auto') while (this.targets.size < format.minBuffers + 2) this.lend();
  }

  /** Lends one more target; returns its id. */
  lend(): number {
    demand(this.layout !== undefined, 'the test lends a target before there is a format');
    const target: CodecTarget = { id: this.#nextTarget++, planes: this.fixture.target(this.layout) };
    this.targets.set(target.id, target.planes);
    this.decoder.supply(target);
    return target.id;
  }

  /** Waits until `ready`; rejects if the decoder fails or breaks a rule first. */
  async until(ready: () => boolean): Promise<void> {
    const over = (): boolean => ready() || this.#breach !== undefined || this.count('failed') > 0;
    if (!over()) await new Promise<void>((resolve) => this.#waiters.push({ ready: over, resolve }));
    this.checkRules();
    demand(ready(), `the decoder failed: ${this.#reason()}`);
  }

  /** Throws the first rule that an event broke, if any. */
  checkRules(): void {
    if (this.#breach !== undefined) throw this.#breach;
  }

  /** Drains and waits for the answer. */
  async drain(): Promise<void> {
    const before = this.count('drained');
    this.decoder.drain();
    await this.until(() => this.count('drained') > before);
  }

  /** Number of events of a kind. */
  count(kind: DecoderEvent['kind']): number {
    return this.events.filter((event) => event.kind === kind).length;
  }

  /** The pictures so far. */
  get pictures(): readonly { readonly picture: DecodedPicture; readonly bytes: readonly Uint8Array[] }[] {
    return this.events.filter((event) => event.kind === 'picture');
  }

  async close(): Promise<void> {
    await this.decoder.close();
    this.#closed = true;
    this.checkRules();
  }

  #rule(holds: boolean, rule: string): void {
    if (!holds) this.#breach ??= new PortError(rule);
  }

  #picture(picture: DecodedPicture): void {
    const planes = this.targets.get(picture.targetId) ?? [];
    this.#rule(this.targets.has(picture.targetId), `a picture came in target ${picture.targetId}, which is not lent`);
    this.#rule(
      picture.bytesUsed.length === planes.length,
      `a picture names ${picture.bytesUsed.length} planes of ${planes.length}`,
    );
    this.targets.delete(picture.targetId);
    // Read at once: from now on the target is the test's again, and nothing may be written to it.
    const bytes = planes.map((plane, i) => this.fixture.read(plane).slice(0, picture.bytesUsed[i]));
    this.#note({ kind: 'picture', picture, bytes });
    if (this.mode === 'auto') this.lend();
  }

  #note(event: DecoderEvent): void {
    this.#rule(!this.#closed, `the event "${event.kind}" came after close had resolved`);
    this.events.push(event);
    const waiters = this.#waiters;
    this.#waiters = waiters.filter((waiter) => !waiter.ready());
    for (const waiter of waiters) if (waiter.ready()) waiter.resolve();
  }

  #reason(): string {
    return this.events.map((event) => (event.kind === 'failed' ? event.reason : '')).join('');
  }
}
