// SPDX-License-Identifier: Apache-2.0
/**
 * A video encoder for one stream, as its adapter sees it. It owns no buffers: pictures and memory for coded data are lent to it by
 * number and come back through events, each exactly once, unless `flush`, `recall` or `failed` ends the loan.
 *
 * Order: events come in the order of the stream; the first result of an encoder begins with the headers of its stream.
 * Back-pressure: with no memory for coded data the encoder stops taking pictures.
 */
import type { BufferMemory } from './buffer-memory.ts';
import type { Codec, CodecEvents } from './codec.ts';

/** A picture to encode, in the layout that the encoder was made for. */
export interface RawInput {
  /** chosen by the caller, rising; also names what is made of this picture */
  readonly id: number;
  /** one per memory plane of the layout */
  readonly planes: readonly BufferMemory[];
}

/** The coded data of one picture in a target. */
export interface CodedResult {
  readonly targetId: number;
  readonly inputId: number;
  /** bytes written at the start of the target's plane */
  readonly bytesUsed: number;
  /** the target is too short, or the picture could not be encoded: the data is not to be used */
  readonly error: boolean;
  readonly type: 'key' | 'p' | 'b' | 'unknown';
}

/** What an encoder tells its user. */
export interface EncoderEvents extends CodecEvents {
  coded(result: CodedResult): void;
}

/** The port. */
export interface Encoder extends Codec {
  encode(input: RawInput): void;
}
