// SPDX-License-Identifier: Apache-2.0
import { AvError } from '../../av/av-error.ts';
import type { Av, AvFrame } from '../../av/node-av.ts';

/** Codes pictures of one size, each by itself. Holds native memory: dispose it. */
export class JpegEncoder implements Disposable {
  readonly #context: InstanceType<Av['CodecContext']>;
  readonly #packet: InstanceType<Av['Packet']>;
  /** what FFmpeg calls a step of 1 */
  readonly #lambda: number;

  /** Throws `AvError` if the library cannot code such pictures. */
  constructor(av: Av, { width, height }: { readonly width: number; readonly height: number }) {
    const c = av.constants;
    const codec = av.Codec.findEncoder(c.AV_CODEC_ID_MJPEG);
    if (codec === null) throw new AvError('call', 'the codec library has no encoder for JPEG');
    const context = new av.CodecContext();
    context.allocContext3(codec);
    context.width = width;
    context.height = height;
    context.timeBase = new av.Rational(1, 1);
    context.pixelFormat = c.AV_PIX_FMT_YUVJ420P;
    context.colorRange = c.AVCOL_RANGE_JPEG;
    context.flags = (context.flags | c.AV_CODEC_FLAG_QSCALE) as typeof context.flags;
    // The tables of the standard: those of its own would take another look at each picture.
    for (const [name, value] of Object.entries({ threads: '1', qmin: '1', huffman: 'default' })) {
      const set = context.setOption(name, value);
      if (set < 0) throw new AvError('call', `encoder mjpeg: option ${name}=${value} was refused (${set})`);
    }
    const opened = context.open2Sync(codec, null);
    if (opened < 0) {
      context.freeContext();
      throw new AvError('call', `encoder mjpeg does not open for ${width}x${height} (${opened})`);
    }
    this.#lambda = c.FF_QP2LAMBDA;
    this.#context = context;
    this.#packet = new av.Packet();
    this.#packet.alloc();
  }

  /**
   * Writes the coded picture; how many bytes it has, or why it is not there.
   * @param step of the quantiser, 1 to 31
   */
  encode(frame: AvFrame, to: Uint8Array, step: number): number | 'too long' | 'failed' {
    frame.quality = Math.round(step * this.#lambda);
    if (this.#context.sendFrameSync(frame) < 0 || this.#context.receivePacketSync(this.#packet) < 0) return 'failed';
    const { data } = this.#packet;
    const bytes = data === null ? 'failed' : data.length > to.length ? 'too long' : data.length;
    if (data !== null && typeof bytes === 'number') to.set(data);
    this.#packet.unref();
    return bytes;
  }

  [Symbol.dispose](): void {
    this.#packet.free();
    this.#context.freeContext();
  }
}
