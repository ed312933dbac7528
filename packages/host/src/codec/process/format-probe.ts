// SPDX-License-Identifier: Apache-2.0
import { CropFinder } from '../../av/cropping.ts';
import type { Av } from '../../av/node-av.ts';
import { openVideoDecoder, type VideoCodec } from '../../av/video-codecs.ts';
import { type FoundFormat, readFormat } from './format-reader.ts';
import type { AccessUnit } from './splitter.ts';

/**
 * Finds the format of a stream from its first picture alone. The decoder proper hands out its first picture only after
 * several inputs (reordering, threads), and a client may wait for the format before it sends a second one. So the first
 * units go through a decoder of one thread too, which is drained after each, until that gives a picture.
 */
export class FormatProbe implements Disposable {
  readonly #av: Av;
  readonly #context: ReturnType<typeof openVideoDecoder>;
  readonly #crop: CropFinder;
  readonly #packet: InstanceType<Av['Packet']>;
  readonly #frame: InstanceType<Av['Frame']>;

  constructor(av: Av, codec: VideoCodec) {
    this.#av = av;
    this.#context = openVideoDecoder(av, codec, 1);
    this.#crop = new CropFinder(av);
    this.#packet = new av.Packet();
    this.#packet.alloc();
    this.#frame = new av.Frame();
    this.#frame.alloc();
  }

  /** The format, or that the unit gave no picture: `ok` is false if it could not be decoded at all. */
  offer(unit: AccessUnit): { readonly format?: FoundFormat; readonly ok: boolean } {
    this.#packet.data = unit.bytes;
    const sent = this.#context.sendPacketSync(this.#packet);
    this.#packet.unref();
    this.#context.sendPacketSync(null);
    const received = this.#context.receiveFrameSync(this.#frame);
    const format = received === 0 ? readFormat(this.#av, this.#context, this.#frame, this.#crop) : undefined;
    this.#frame.unref();
    this.#context.flushBuffers();
    const ok = sent >= 0 && (received >= 0 || received === this.#av.constants.AVERROR_EOF);
    return format === undefined ? { ok } : { format, ok };
  }

  [Symbol.dispose](): void {
    this.#crop[Symbol.dispose]();
    this.#packet.free();
    this.#frame.free();
    this.#context.freeContext();
  }
}
