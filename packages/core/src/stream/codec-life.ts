// SPDX-License-Identifier: Apache-2.0
import type { Codec, CodecId } from '../ports/index.ts';

/**
 * One codec, from its making to its end: live --end--> ended. What a codec that has ended still says is not about the stream as it
 * is now: whoever hears it asks `live` first.
 */
export class CodecLife<C extends Codec> {
  readonly id: CodecId;
  readonly codec: C;
  #state: 'live' | 'ended' = 'live';
  readonly #ended = Promise.withResolvers<void>();

  private constructor(id: CodecId, codec: C) {
    this.id = id;
    this.codec = codec;
  }

  /** Makes a codec; undefined if none can be had. `live` is true from when `make` returned until the end. */
  static begin<C extends Codec>(id: CodecId, make: (live: () => boolean) => C | undefined): CodecLife<C> | undefined {
    let life: CodecLife<C> | undefined;
    const codec = make(() => life !== undefined && life.#state === 'live');
    if (codec !== undefined) life = new CodecLife(id, codec);
    return life;
  }

  /** Waits for an answer of the codec, or for its end: nobody waits for ever. */
  answered(answer: Promise<void>): Promise<void> {
    return Promise.race([answer, this.#ended.promise]);
  }

  /** Closes the codec. Resolves when it touches no buffer any more; rejects as it does. */
  end(): Promise<void> {
    this.#state = 'ended';
    const closed = this.codec.close();
    this.#ended.resolve();
    return closed;
  }
}
