// SPDX-License-Identifier: Apache-2.0
/** A film that FFmpeg encodes and writes to descriptor 1. */
import { AvError } from '../../../av/av-error.ts';
import type { Av, AvFrame } from '../../../av/node-av.ts';
import { type RecordedPicture, type RecordingWriter, WriteFault } from './picture-source.ts';

const THREADS = 2;
/** Timestamps are microseconds from the first frame. */
const UNIT = { num: 1, den: 1_000_000 };
/** Seconds from one picture that can be decoded alone to the next: who joins or seeks waits so long. */
const KEY_EVERY = 1;
const OPTIONS: Readonly<Record<string, readonly (readonly [string, string])[]>> = {
  libx264: [
    ['preset', 'veryfast'],
    ['crf', '20'],
  ],
};
/** Bytes of an RTP packet at most: it fits into every network's frames. */
const PACKET_BYTES = 1200;
/** What has to be on its way at once: no picture waits for those that follow. */
const AT_ONCE = [['tune', 'zerolatency']] as const;
const EIO = 5;

export class FilmWriter implements RecordingWriter {
  readonly #av: Av;
  readonly #picture: RecordedPicture;
  readonly #encoder: InstanceType<Av['CodecContext']>;
  readonly #format: InstanceType<Av['FormatContext']>;
  readonly #io: InstanceType<Av['IOContext']>;
  readonly #packet: InstanceType<Av['Packet']>;
  readonly #frame: AvFrame;
  readonly #unit: { readonly num: number; readonly den: number };
  #first: number | undefined;
  #last = -1;
  #open = true;

  /** Writes the head of the film. Throws `WriteFault` where that fails, and `AvError` where the library has no such encoder. */
  constructor(av: Av, film: { readonly muxer: string; readonly encoder: string }, picture: RecordedPicture) {
    const c = av.constants;
    this.#av = av;
    this.#picture = picture;
    const codec = av.Codec.findEncoderByName(film.encoder as Parameters<Av['Codec']['findEncoderByName']>[0]);
    if (codec === null) throw new AvError('call', `the codec library has no encoder ${film.encoder}`);
    this.#format = new av.FormatContext();
    call(this.#format.allocOutputContext2(null, film.muxer, 'fd:'), 'the container');
    this.#encoder = new av.CodecContext();
    this.#encoder.allocContext3(codec);
    const { width, height, interval, fullRange } = picture;
    this.#encoder.width = width;
    this.#encoder.height = height;
    this.#encoder.pixelFormat = c.AV_PIX_FMT_YUV420P;
    this.#encoder.timeBase = new av.Rational(UNIT.num, UNIT.den);
    const rate = new av.Rational(interval.denominator, interval.numerator);
    this.#encoder.framerate = rate;
    this.#encoder.gopSize = Math.max(1, Math.round((KEY_EVERY * interval.denominator) / interval.numerator));
    this.#encoder.colorRange = fullRange ? c.AVCOL_RANGE_JPEG : c.AVCOL_RANGE_MPEG;
    this.#encoder.colorSpace = picture.matrix as InstanceType<Av['CodecContext']>['colorSpace'];
    this.#encoder.setOption('threads', String(THREADS));
    const live = film.muxer === 'rtp' ? AT_ONCE : [];
    for (const [name, value] of [...(OPTIONS[film.encoder] ?? []), ...live]) this.#encoder.setOption(name, value);
    if (((this.#format.oformat?.flags ?? 0) & c.AVFMT_GLOBALHEADER) !== 0) this.#encoder.setFlags(c.AV_CODEC_FLAG_GLOBAL_HEADER);
    call(this.#encoder.open2Sync(codec, null), 'the encoder');
    const stream = this.#format.newStream(codec);
    call(stream.codecpar.fromContext(this.#encoder), 'the parameters of the stream');
    stream.timeBase = new av.Rational(UNIT.num, UNIT.den);
    stream.avgFrameRate = rate;
    this.#io = new av.IOContext();
    this.#wrote(this.#io.open2Sync('fd:', c.AVIO_FLAG_WRITE));
    this.#format.pb = this.#io;
    if (film.muxer === 'rtp') this.#format.setOption('packetsize', String(PACKET_BYTES));
    this.#wrote(this.#format.writeHeaderSync(null));
    this.#unit = stream.timeBase;
    this.#packet = new av.Packet();
    this.#packet.alloc();
    this.#frame = new av.Frame();
    this.#frame.alloc();
  }

  write(slot: Uint8Array, time: number): void {
    this.#first ??= time;
    // Two pictures have never the same time.
    this.#last = Math.max(time - this.#first, this.#last + 1);
    const frame = this.#frame;
    const { width, height, colours, fullRange, matrix } = this.#picture;
    const c = this.#av.constants;
    frame.width = width;
    frame.height = height;
    frame.format = this.#encoder.pixelFormat;
    frame.colorRange = fullRange ? c.AVCOL_RANGE_JPEG : c.AVCOL_RANGE_MPEG;
    frame.colorSpace = matrix as AvFrame['colorSpace'];
    call(frame.getBuffer(0), 'memory for a picture');
    const { data, linesize } = frame;
    for (const [i, colour] of colours.entries()) {
      const [target, pitch] = [data?.[i], linesize[i] ?? 0];
      let at = 0;
      // A plane without gaps comes as one row: the encoder's has gaps of its own.
      for (let y = 0; y < colour.rows; y += 1) {
        const line = colour.offset + y * colour.stride;
        target?.set(slot.subarray(line, line + colour.lineBytes), at);
        at += pitch;
      }
    }
    frame.pts = BigInt(this.#last);
    const sent = this.#encoder.sendFrameSync(frame);
    frame.unref();
    call(sent, 'the encoder');
    this.#writePackets();
  }

  finish(): void {
    if (!this.#open) return;
    this.#open = false;
    try {
      this.#encoder.sendFrameSync(null);
      this.#writePackets();
      this.#wrote(this.#format.writeTrailerSync());
    } finally {
      this.#free();
    }
  }

  /** What has been encoded goes out now. */
  #writePackets(): void {
    const { numerator, denominator } = this.#picture.interval;
    while (this.#encoder.receivePacketSync(this.#packet) >= 0) {
      this.#packet.duration = BigInt(Math.round((1e6 * numerator) / denominator));
      this.#packet.rescaleTs(UNIT, this.#unit);
      this.#packet.streamIndex = 0;
      const written = this.#format.interleavedWriteFrameSync(this.#packet);
      this.#packet.unref();
      this.#wrote(written);
    }
    this.#io.flushSync();
  }

  #wrote(result: number): void {
    if (result >= 0) return;
    this.#open = false;
    throw new WriteFault(result > -4096 ? -result : EIO);
  }

  #free(): void {
    this.#io.closepSync();
    // The container would close it once more.
    this.#format.pb = null;
    this.#frame.free();
    this.#packet.free();
    this.#encoder.freeContext();
    this.#format.freeContext();
  }
}

/** Throws `AvError` for what the library refuses. */
function call(result: number, what: string): void {
  if (result < 0) throw new AvError('call', `the codec library refuses ${what} (${result})`);
}
