// SPDX-License-Identifier: Apache-2.0

import { HeapAccess } from '../memory/heap/heap-access.ts';
import { HeapArena } from '../memory/heap/heap-arena.ts';
import { RegionMemory } from '../memory/index.ts';
import { type PictureLayout, toldLayout } from '../picture/index.ts';
import type { BufferMemory, StreamFormat } from '../ports/index.ts';
import { DecoderStream } from '../stream/decoder-stream.ts';
import type { FormatAnswer, StreamOutput } from '../stream/stream-events.ts';
import { type StreamPolicy, V4L2_POLICY } from '../stream/stream-policy.ts';
import { ToyDecoderFactory } from './toy-decoder.ts';
import { toyChunk, toyHeader } from './toy-stream.ts';

/** sizes of pictures */
export const SMALL = { width: 64, height: 48 };
export const LARGE = { width: 128, height: 96 };

/** The layout of one plane for pictures of a size. */
export function streamLayout(size: { width: number; height: number }): PictureLayout {
  return toldLayout(0, size.width, size.height, [size.width], [(size.width * size.height * 3) / 2]);
}

/** Lets every microtask run that is due. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 200; i++) await Promise.resolve();
}

type Returned = { handle: string } & StreamOutput<string>;

/** A coded stream over a toy decoder, and what it told its user. */
export class StreamRig {
  readonly arena = new HeapArena(8 << 20);
  readonly access = new HeapAccess(this.arena, new RegionMemory());
  readonly factory = new ToyDecoderFactory({ access: this.access, limit: 1 });
  readonly log: string[] = [];
  readonly outputs: Returned[] = [];
  answer: (format: StreamFormat) => FormatAnswer | undefined = () => undefined;
  readonly stream: DecoderStream<string, string, string>;

  constructor(policy: StreamPolicy = V4L2_POLICY) {
    this.stream = new DecoderStream({
      factory: this.factory,
      policy,
      fits: (format) => this.answer(format) ?? 'stop',
      events: {
        inputReturned: (handle, ok) => this.log.push(`in ${handle}${ok ? '' : ' bad'}`),
        outputReturned: (handle, output) => {
          this.outputs.push({ handle, ...output });
          const flags = `${output.error ? ' error' : ''}${output.last === 'no' ? '' : ' last'}`;
          this.log.push(`out ${handle} ${output.cookie ?? '-'}${flags}`);
        },
        formatChanged: (format, change) => {
          this.log.push(`format ${change} ${format.codedWidth}x${format.codedHeight}`);
        },
        endOfStream: () => this.log.push('eos'),
        failed: (reason) => this.log.push(`failed: ${reason}`),
      },
    });
  }

  /** Queues a chunk under its name, which is also its cookie. */
  input(name: string, ...units: Uint8Array[]): boolean {
    const bytes = toyChunk(...units);
    const block = this.arena.allocate(Math.max(1, bytes.length));
    if (block === undefined) throw new RangeError('the arena is full');
    const memory: BufferMemory = { kind: 'arena', offset: block.offset, length: bytes.length };
    this.access.write(memory, 0, bytes);
    return this.stream.queueInput(name, { memory, offset: 0, length: bytes.length, mayContinue: false }, name);
  }

  output(name: string, size = SMALL): boolean {
    const length = streamLayout(size).sizes[0] ?? 0;
    const block = this.arena.allocate(length);
    if (block === undefined) throw new RangeError('the arena is full');
    return this.stream.queueOutput(name, [{ kind: 'arena', offset: block.offset, length }]);
  }

  /** What was told since the last look. */
  async told(): Promise<string[]> {
    await settle();
    return this.log.splice(0);
  }

  /** A stream that decodes small pictures, with one header taken and `names` queued for output. */
  async decoding(...names: string[]): Promise<void> {
    this.stream.startInput('toy');
    this.input('h', toyHeader(SMALL));
    await settle();
    this.stream.startOutput(streamLayout(SMALL));
    for (const name of names) this.output(name);
    await settle();
    this.log.length = 0;
    if (this.stream.phase.kind !== 'decoding') throw new TypeError(`the stream is ${this.stream.phase.kind}, not decoding`);
  }
}
