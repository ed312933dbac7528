// SPDX-License-Identifier: Apache-2.0
import type { CodecId, Decoder, DecoderEvents, DecoderFactory } from '../ports/index.ts';

/**
 * One decoder, from its making to its end: live --end--> ended. A decoder that has ended tells nobody anything: what it still says
 * is not about the stream as it is now.
 */
export class DecoderLife {
  readonly codec: CodecId;
  readonly decoder: Decoder;
  #state: 'live' | 'ended' = 'live';
  readonly #ended = Promise.withResolvers<void>();

  private constructor(codec: CodecId, decoder: Decoder) {
    this.codec = codec;
    this.decoder = decoder;
  }

  /** Makes a decoder; undefined if none can be had. `events` hears of it from then on until its end. */
  static begin(factory: DecoderFactory, codec: CodecId, events: DecoderEvents): DecoderLife | undefined {
    let life: DecoderLife | undefined;
    const live = (): boolean => life !== undefined && life.#state === 'live';
    const decoder = factory.create(codec, {
      inputDone: (id, ok) => {
        if (live()) events.inputDone(id, ok);
      },
      format: (format) => {
        if (live()) events.format(format);
      },
      picture: (picture) => {
        if (live()) events.picture(picture);
      },
      drained: () => {
        if (live()) events.drained();
      },
      failed: (reason) => {
        if (live()) events.failed(reason);
      },
    });
    if (decoder !== undefined) life = new DecoderLife(codec, decoder);
    return life;
  }

  /** Waits for an answer of the decoder, or for its end: nobody waits for ever. */
  answered(answer: Promise<void>): Promise<void> {
    return Promise.race([answer, this.#ended.promise]);
  }

  /** Closes the decoder. Resolves when it touches no buffer any more; rejects as it does. */
  end(): Promise<void> {
    this.#state = 'ended';
    const closed = this.decoder.close();
    this.#ended.resolve();
    return closed;
  }
}
