// SPDX-License-Identifier: Apache-2.0
import { CropFinder } from '../../av/cropping.ts';
import type { Av } from '../../av/node-av.ts';
import { openVideoDecoder, type VideoCodec } from '../../av/video-codecs.ts';
import { type FoundFormat, formatOfFrame } from './format-reader.ts';
import type { AccessUnit } from './splitter.ts';

/**
 * Finds the format of a stream from its first picture alone. The decoder proper hands out its first picture only after
 * several inputs (reordering, threads), and a client may wait for the format before it sends a second one. So the first
 * units go through a decoder of one thread too, which is drained after each, until that gives a picture, be it damaged.
 */
export class FormatProbe implements Disposable {
  readonly #av: Av;
  readonly #codec: VideoCodec;
  #context: ReturnType<typeof openVideoDecoder>;
  readonly #crop: CropFinder;
  readonly #packet: InstanceType<Av['Packet']>;
  readonly #frame: InstanceType<Av['Frame']>;

  constructor(av: Av, codec: VideoCodec) {
    this.#av = av;
    this.#codec = codec;
    this.#context = openVideoDecoder(av, codec, 1);
    this.#context.setOption('flags', '+output_corrupt');
    this.#crop = new CropFinder(av);
    this.#packet = new av.Packet();
    this.#packet.alloc();
    this.#frame = new av.Frame();
    this.#frame.alloc();
  }

  /** The format, or that the unit gave no picture: `ok` is false if it could not be decoded at all. */
  offer(unit: AccessUnit): { readonly format?: FoundFormat; readonly ok: boolean } {
    if (unit.frame !== undefined) {
      this.#context.freeContext();
      this.#context = openVideoDecoder(this.#av, this.#codec, 1, unit.frame);
    }
    let format: FoundFormat | undefined;
    let ok = true;
    // Of several layers the last is the picture.
    for (const bytes of [...(unit.layers ?? []), unit.bytes]) {
      this.#packet.data = bytes;
      if (this.#context.sendPacketSync(this.#packet) < 0) ok = false;
      this.#packet.unref();
      const got = this.#receive();
      if (!got.ok) ok = false;
      format = got.format ?? format;
    }
    this.#context.sendPacketSync(null);
    const rest = this.#receive();
    this.#context.flushBuffers();
    format = rest.format ?? format;
    return format === undefined ? { ok: ok && rest.ok } : { format, ok: ok && rest.ok };
  }

  /** The format of the last picture that is there. */
  #receive(): { readonly format: FoundFormat | undefined; readonly ok: boolean } {
    const { AVERROR_EAGAIN, AVERROR_EOF } = this.#av.constants;
    let format: FoundFormat | undefined;
    for (;;) {
      const result = this.#context.receiveFrameSync(this.#frame);
      if (result !== 0) return { format, ok: result === AVERROR_EAGAIN || result === AVERROR_EOF };
      format = formatOfFrame(this.#av, this.#context, this.#frame, this.#crop);
      this.#frame.unref();
    }
  }

  [Symbol.dispose](): void {
    this.#crop[Symbol.dispose]();
    this.#packet.free();
    this.#frame.free();
    this.#context.freeContext();
  }
}
