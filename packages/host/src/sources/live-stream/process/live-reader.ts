// SPDX-License-Identifier: Apache-2.0
/** A live stream's video, opened and decoded by FFmpeg. What waits for the network waits in a thread of the pool. */
import type { Av, AvFrame } from '../../../av/node-av.ts';
import { orientationOf } from '../../scaling/orientation.ts';
import { type PixelAspect, uprightShape } from '../../scaling/picture-writer.ts';
import type { LiveInfo } from '../live-modes.ts';
import type { ProcessSettings } from '../live-origin.ts';
import { LiveFault } from './live-fault.ts';

/** Packets without a picture after which a stream has none. */
const FRUITLESS = 1500;
/** Errors of reading or decoding, one after another, after which a stream is over. */
const MAX_FAULTS = 500;
const THREADS = 2;
/** Pixels of a picture at most. */
const MAX_PIXELS = 8192 * 8192;

/** Whose frames are fetched when we ask, by FFmpeg's names of its demuxers. */
const PULLED = /^(hls|dash)\b/;

/** Waits for so many milliseconds. */
const pause = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));

export class LiveReader {
  /** frames come when we ask, not when they are sent */
  readonly pulled: boolean;
  readonly #av: Av;
  readonly #input: InstanceType<Av['FormatContext']>;
  readonly #stream: number;
  readonly #decoder: InstanceType<Av['CodecContext']>;
  readonly #packet: InstanceType<Av['Packet']>;
  /** microseconds of one unit of the stream's timestamps */
  readonly #unit: number;
  readonly #aspect: PixelAspect;
  readonly #interval: readonly number[];
  readonly #spare: AvFrame[] = [];
  #faults = 0;
  #sinceRewind = 0;

  private constructor(av: Av, input: InstanceType<Av['FormatContext']>, pulled: boolean | undefined) {
    const c = av.constants;
    this.#av = av;
    this.#input = input;
    this.#stream = input.findBestStream(c.AVMEDIA_TYPE_VIDEO);
    const stream = input.streams[this.#stream];
    if (stream === undefined) throw new LiveFault('no-video');
    const codec = av.Codec.findDecoder(stream.codecpar.codecId);
    if (codec === null) throw new LiveFault('no-decoder');
    this.pulled = pulled ?? (PULLED.test(input.iformat?.name ?? '') || (input.pb?.seekable ?? 0) > 0);
    this.#decoder = new av.CodecContext();
    this.#decoder.allocContext3(codec);
    this.#decoder.parametersToContext(stream.codecpar);
    this.#decoder.setOption('threads', String(THREADS));
    // Threads for whole frames would each keep one back.
    if (!this.pulled) this.#decoder.setOption('thread_type', 'slice');
    this.#decoder.setOption('flags', this.pulled ? '+unaligned' : '+unaligned+low_delay');
    this.#decoder.setOption('max_pixels', String(MAX_PIXELS));
    if (this.#decoder.open2Sync(codec, null) < 0) throw new LiveFault('no-decoder');
    this.#packet = new av.Packet();
    this.#packet.alloc();
    this.#unit = (1e6 * stream.timeBase.num) / stream.timeBase.den;
    this.#aspect = stream.sampleAspectRatio;
    const rate = [stream.avgFrameRate, stream.rFrameRate].find(({ num, den }) => num > 0 && den > 0 && num / den <= 1000);
    this.#interval = rate === undefined ? [1, 0] : [rate.den, rate.num];
  }

  /** Connects. Rejects with LiveFault. */
  static async open(av: Av, { url, format, options, pulled }: ProcessSettings): Promise<LiveReader> {
    const demuxer = format === undefined ? null : av.InputFormat.findInputFormat(format);
    // The library was built without it.
    if (format !== undefined && demuxer === null) throw new LiveFault('no-demuxer');
    const input = new av.FormatContext();
    input.allocContext();
    using given = av.Dictionary.fromObject(options);
    const opened = await input.openInput(url, demuxer, given);
    if (opened < 0) throw new LiveFault('open', opened);
    await input.findStreamInfo(null);
    return new LiveReader(av, input, pulled);
  }

  /** What there is to say of the stream, by its first picture. */
  info(frame: AvFrame): LiveInfo {
    const aspect = this.aspectOf(frame);
    const upright = uprightShape(frame, aspect, orientationOf(this.#av, frame));
    const [intervalNumerator = 1, intervalDenominator = 0] = this.#interval;
    return {
      width: upright.size.width,
      height: upright.size.height,
      aspectNumerator: upright.aspect.num,
      aspectDenominator: upright.aspect.den,
      intervalNumerator,
      intervalDenominator,
      primaries: frame.colorPrimaries,
      transfer: frame.colorTrc,
      matrix: frame.colorSpace,
    };
  }

  /** The shape of a frame's pixels: what the container says goes before what the stream says. */
  aspectOf(frame: AvFrame): PixelAspect {
    return [this.#aspect, frame.sampleAspectRatio].find(sensible) ?? { num: 1, den: 1 };
  }

  /** Microseconds of the stream's own time; undefined: it does not say. */
  timeOf(frame: AvFrame): number | undefined {
    const stamp = frame.bestEffortTimestamp;
    return stamp === this.#av.constants.AV_NOPTS_VALUE ? undefined : Number(stamp) * this.#unit;
  }

  /** A frame that is done with: the next picture may lie in it. */
  reuse(frame: AvFrame): void {
    frame.unref();
    this.#spare.push(frame);
  }

  /** Reads on until there are pictures. Rejects with LiveFault when none will come any more. */
  async next(): Promise<AvFrame[]> {
    for (let fruitless = 0; fruitless < FRUITLESS; fruitless += 1) {
      await this.#read();
      const frames = this.#decoded();
      if (frames.length > 0) {
        this.#sinceRewind += frames.length;
        return frames;
      }
    }
    throw new LiveFault('no-picture');
  }

  /** Gives the next packet of the video to the decoder. */
  async #read(): Promise<void> {
    const c = this.#av.constants;
    for (;;) {
      const read = await this.#input.readFrame(this.#packet);
      if (read < 0) {
        if (read === c.AVERROR_EOF && (await this.#rewind())) continue;
        this.#faults += 1;
        const passing = read === c.AVERROR_EAGAIN || read === c.AVERROR_INVALIDDATA;
        if (!passing || this.#faults > MAX_FAULTS) throw new LiveFault('read', read);
        await pause(1);
        continue;
      }
      const mine = this.#packet.streamIndex === this.#stream;
      const sent = mine ? this.#decoder.sendPacketSync(this.#packet) : 0;
      this.#packet.unref();
      if (!mine) continue;
      this.#faults = sent < 0 ? this.#faults + 1 : 0;
      if (this.#faults > MAX_FAULTS) throw new LiveFault('no-picture', sent);
      return;
    }
  }

  #decoded(): AvFrame[] {
    const frames: AvFrame[] = [];
    for (;;) {
      const frame = this.#spare.pop() ?? this.#newFrame();
      if (this.#decoder.receiveFrameSync(frame) < 0) {
        this.#spare.push(frame);
        return frames;
      }
      frames.push(frame);
    }
  }

  /** Begins a film that ended anew, if it is one that can be, and was not just begun. */
  async #rewind(): Promise<boolean> {
    if (!this.pulled || this.#sinceRewind < 2) return false;
    this.#sinceRewind = 0;
    this.#decoder.flushBuffers();
    return (await this.#input.seekFrame(-1, 0n, this.#av.constants.AVSEEK_FLAG_BACKWARD)) >= 0;
  }

  #newFrame(): AvFrame {
    const frame = new this.#av.Frame();
    frame.alloc();
    return frame;
  }
}

/** 0 stands for "not said"; nobody films with pixels that are eight times as wide as high. */
function sensible({ num, den }: PixelAspect): boolean {
  return num > 0 && den > 0 && num / den <= 8 && den / num <= 8;
}
