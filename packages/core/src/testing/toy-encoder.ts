// SPDX-License-Identifier: Apache-2.0
import type { HeapAccess } from '../memory/heap/heap-access.ts';
import type { CodecTarget, Encoder, EncoderEvents, RawInput } from '../ports/index.ts';
import { toyChunk, toyHeader, toyPicture } from './toy-stream.ts';

/**
 * An encoder into the toy bitstream: of a picture it keeps the number that `toyPlanes` puts first. One step at a time, with a turn
 * between.
 */
export class ToyEncoder implements Encoder {
  readonly #size: { readonly width: number; readonly height: number };
  readonly #access: HeapAccess;
  readonly #events: EncoderEvents;
  readonly #live: Set<ToyEncoder>;
  readonly #work: (RawInput | 'drain')[] = [];
  readonly #targets: CodecTarget[] = [];
  #state: 'new' | 'headed' | 'over' = 'new';
  #running: Promise<void> | undefined;

  /** `live` has the encoder until it is closed or dead. */
  constructor(
    size: { readonly width: number; readonly height: number },
    access: HeapAccess,
    events: EncoderEvents,
    live: Set<ToyEncoder>,
  ) {
    this.#size = size;
    this.#live = live.add(this);
    this.#access = access;
    this.#events = events;
  }

  encode(input: RawInput): void {
    this.#work.push(input);
    this.#wake();
  }

  supply(target: CodecTarget): void {
    this.#targets.push(target);
    this.#wake();
  }

  drain(): void {
    this.#work.push('drain');
    this.#wake();
  }

  async flush(): Promise<void> {
    this.#work.length = 0;
  }

  async recall(): Promise<void> {
    this.#targets.length = 0;
  }

  async close(): Promise<void> {
    this.#end();
  }

  /** Fails, as if the process around it had died. */
  die(reason: string): void {
    this.#end();
    this.#events.failed(reason);
  }

  #end(): void {
    this.#state = 'over';
    this.#live.delete(this);
  }

  #wake(): void {
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
    });
  }

  async #run(): Promise<void> {
    do {
      await Promise.resolve();
      // A stopped device leaves the guest's memory alone.
      if (!this.#access.open) await this.#access.opened();
    } while (this.#state !== 'over' && this.#step());
  }

  /** One step; false if there is nothing to do. */
  #step(): boolean {
    const [work] = this.#work;
    if (work === undefined || (work !== 'drain' && this.#targets.length === 0)) return false;
    this.#work.shift();
    if (work === 'drain') this.#events.drained();
    else this.#encode(work, this.#targets.shift());
    return true;
  }

  #encode({ id, planes }: RawInput, target: CodecTarget | undefined): void {
    const [plane] = planes;
    const first = new Uint8Array(4);
    const known = plane !== undefined && this.#access.read(plane, 0, first);
    const number = new DataView(first.buffer).getUint32(0, true);
    const type = this.#state === 'new' ? 'key' : 'p';
    const picture = toyPicture(number, type);
    const bytes = type === 'key' ? toyChunk(toyHeader(this.#size), picture) : picture;
    const [memory] = target?.planes ?? [];
    const written = known && memory !== undefined && this.#access.write(memory, 0, bytes);
    if (written) this.#state = 'headed';
    this.#events.inputDone(id, known);
    this.#events.coded({ targetId: target?.id ?? 0, inputId: id, bytesUsed: written ? bytes.length : 0, error: !written, type });
  }
}
