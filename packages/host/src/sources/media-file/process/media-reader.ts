// SPDX-License-Identifier: Apache-2.0
/**
 * A media file as an endless film: its video stream, decoded and looped. Times are microseconds from the first start.
 *
 * It keeps two frames: the one that is shown, and the next, whose time says how long the first one lasts.
 */
import { closeSync, openSync } from 'node:fs';
import { AvError } from '../../../av/av-error.ts';
import type { Av, AvFrame } from '../../../av/node-av.ts';
import { Fd } from '../../../sys/index.ts';
import { orientationOf } from '../../scaling/orientation.ts';
import { type PixelAspect, uprightShape } from '../../scaling/picture-writer.ts';
import { endsInABox, MediaFault } from './media-fault.ts';

/**
 * Milliseconds for decoding on the way to one picture, after which what there is is shown: a film that is too much for the
 * machine goes more slowly, and does not fall further behind with each picture.
 */
const DECODE_WITHIN = 50;
/** Microseconds between frames of a file that does not say. */
const DEFAULT_INTERVAL = 40_000;

interface ShownFrame {
  readonly frame: AvFrame;
  readonly time: number;
}

/** 0 stands for "not said"; nobody films with pixels that are eight times as wide as high. */
function sensible({ num, den }: PixelAspect): boolean {
  return num > 0 && den > 0 && num / den <= 8 && den / num <= 8;
}

/** What is known once the first frame is there; of the film as it is shown, upright. */
export interface MediaInfo {
  readonly width: number;
  readonly height: number;
  /** width of a pixel to its height, 1:1 where nothing sensible is said */
  readonly aspect: PixelAspect;
  readonly interval: { readonly numerator: number; readonly denominator: number };
  readonly primaries: number;
  readonly transfer: number;
  readonly matrix: number;
}

export class MediaReader {
  readonly info: MediaInfo;
  readonly #av: Av;
  readonly #input: InstanceType<Av['FormatContext']>;
  readonly #stream: number;
  readonly #decoder: InstanceType<Av['CodecContext']>;
  readonly #packet: InstanceType<Av['Packet']>;
  /** microseconds of one unit of the stream's timestamps */
  readonly #unit: number;
  readonly #startTime: bigint;
  /** what the container says of the shape of pixels */
  readonly #aspect: PixelAspect;
  readonly #interval: number;
  #spare: AvFrame[] = [];
  #current: ShownFrame;
  #next: ShownFrame | undefined;
  /** start of this round of the loop, and the end of what it has shown so far */
  #base = 0;
  #end = 0;
  #firstStamp: number | undefined;
  #roundFrames = 0;
  #still = false;
  #draining = false;
  /** microseconds by which the film is late, because it could not be decoded in time */
  #lag = 0;
  /** the stream has packets that only a key would open */
  #encrypted = false;

  /**
   * Opens the file behind descriptor 0. Throws MediaFault if there is no video in it that can be shown. Everything is read
   * through that one descriptor: playlists and the like find no other file.
   */
  constructor(av: Av, threads: number) {
    this.#av = av;
    const c = av.constants;
    this.#input = new av.FormatContext();
    this.#input.allocContext();
    this.#input.setOption('protocol_whitelist', 'fd');
    const opened = this.#input.openInputSync('fd:', null, null);
    if (opened < 0) throw new MediaFault(endsInABox(av) ? 'cut' : 'unknown');
    this.#input.findStreamInfoSync(null);
    this.#stream = this.#input.findBestStream(c.AVMEDIA_TYPE_VIDEO);
    const { streams } = this.#input;
    const videos = streams.filter(({ codecpar }) => codecpar.codecType === c.AVMEDIA_TYPE_VIDEO);
    // FFmpeg marks what is no picture by itself; only tiles of an image are video of that kind.
    if (videos.some(({ disposition }) => (disposition & c.AV_DISPOSITION_DEPENDENT) !== 0)) throw new MediaFault('grid');
    const stream = streams[this.#stream] ?? videos[0];
    if (stream === undefined) throw new MediaFault(endsInABox(av) ? 'cut' : 'no-video');
    const codec = av.Codec.findDecoder(stream.codecpar.codecId);
    if (codec === null) throw new MediaFault('no-decoder');
    this.#decoder = new av.CodecContext();
    this.#decoder.allocContext3(codec);
    this.#decoder.parametersToContext(stream.codecpar);
    this.#decoder.setOption('threads', String(threads));
    this.#decoder.setOption('flags', '+unaligned');
    this.#decoder.setOption('max_pixels', String(8192 * 8192));
    const result = this.#decoder.open2Sync(codec, null);
    if (result < 0) throw new MediaFault('no-decoder');
    this.#packet = new av.Packet();
    this.#packet.alloc();
    this.#unit = (1e6 * stream.timeBase.num) / stream.timeBase.den;
    this.#startTime = stream.startTime === c.AV_NOPTS_VALUE ? 0n : stream.startTime;
    this.#aspect = stream.sampleAspectRatio;
    const rate = [stream.avgFrameRate, stream.rFrameRate].find(({ num, den }) => num > 0 && den > 0 && num / den <= 1000);
    this.#interval = rate === undefined ? DEFAULT_INTERVAL : (1e6 * rate.den) / rate.num;
    const first = this.#decode();
    if (first === undefined) throw new MediaFault(this.#encrypted ? 'encrypted' : endsInABox(av) ? 'cut' : 'no-picture');
    this.#current = first;
    this.#next = this.#decode();
    const { frame } = first;
    const { size, aspect } = uprightShape(frame, this.aspectOf(frame), orientationOf(av, frame));
    this.info = {
      width: size.width,
      height: size.height,
      aspect,
      interval: rate === undefined ? { numerator: 1, denominator: 25 } : { numerator: rate.den, denominator: rate.num },
      primaries: frame.colorPrimaries,
      transfer: frame.colorTrc,
      matrix: frame.colorSpace,
    };
  }

  /** The file is one picture. Known after a second one was looked for. */
  get still(): boolean {
    return this.#still;
  }

  /** The shape of a frame's pixels: what the container says goes before what the stream says, as players have it. */
  aspectOf(frame: AvFrame): PixelAspect {
    return [this.#aspect, frame.sampleAspectRatio].find(sensible) ?? { num: 1, den: 1 };
  }

  /** Gives back what it has; its frames are not looked at any more. */
  [Symbol.dispose](): void {
    for (const frame of [this.#current.frame, ...(this.#next === undefined ? [] : [this.#next.frame]), ...this.#spare])
      frame.free();
    this.#packet.free();
    this.#decoder.freeContext();
    this.#input.closeInputSync();
  }

  /** The frame of a time. An earlier time than that of the call before gives the same frame again. */
  frameAt(time: number): AvFrame {
    const begun = performance.now();
    while (this.#next !== undefined && this.#next.time + this.#lag <= time) {
      this.#current.frame.unref();
      this.#spare.push(this.#current.frame);
      this.#current = this.#next;
      this.#next = this.#decode();
      if (performance.now() - begun < DECODE_WITHIN || this.#next === undefined) continue;
      this.#lag = Math.max(this.#lag, time - this.#current.time);
      break;
    }
    return this.#current.frame;
  }

  /** The next frame, over the end of the file to its beginning; undefined if there is no other. */
  #decode(): ShownFrame | undefined {
    const { AVERROR_EAGAIN, AVERROR_EOF } = this.#av.constants;
    const frame = this.#spare.pop() ?? this.#newFrame();
    let rounds = 0;
    for (let faults = 0; faults < 1000 && !this.#still; ) {
      const result = this.#decoder.receiveFrameSync(frame);
      if (result === 0) return { frame, time: this.#timeOf(frame) };
      if (result === AVERROR_EAGAIN && !this.#draining) {
        this.#feed();
      } else if (result === AVERROR_EOF || this.#draining) {
        // A round with one picture, or none twice, will not become better.
        if (this.#roundFrames === 1) this.#still = true;
        if (this.#roundFrames === 0) rounds += 1;
        if (rounds > 1 || !this.#rewind()) break;
      } else {
        faults += 1;
      }
    }
    this.#spare.push(frame);
    return undefined;
  }

  #feed(): void {
    for (;;) {
      const read = this.#encrypted && this.#end === 0 ? -1 : this.#input.readFrameSync(this.#packet);
      if (read < 0) {
        this.#decoder.sendPacketSync(null);
        this.#draining = true;
        return;
      }
      const locked = this.#packet.getSideData(this.#av.constants.AV_PKT_DATA_ENCRYPTION_INFO) !== null;
      const mine = this.#packet.streamIndex === this.#stream;
      // What comes before the protected part of a film is shown; a film that begins with it, not.
      if (mine && locked) this.#encrypted = true;
      const wanted = mine && !locked;
      if (wanted) this.#decoder.sendPacketSync(this.#packet);
      this.#packet.unref();
      if (wanted) return;
    }
  }

  #rewind(): boolean {
    const c = this.#av.constants;
    this.#decoder.flushBuffers();
    this.#draining = false;
    this.#base = this.#end;
    this.#firstStamp = undefined;
    this.#roundFrames = 0;
    const sought = this.#input.seekFrameSync(this.#stream, this.#startTime, c.AVSEEK_FLAG_BACKWARD);
    // Elementary streams have no index.
    return sought >= 0 || this.#input.seekFrameSync(-1, 0n, c.AVSEEK_FLAG_BYTE) >= 0;
  }

  /** Times rise, whatever the file says. */
  #timeOf(frame: AvFrame): number {
    const stamp = frame.bestEffortTimestamp;
    let time = this.#end;
    if (stamp !== this.#av.constants.AV_NOPTS_VALUE) {
      const at = Number(stamp) * this.#unit;
      this.#firstStamp ??= at;
      const named = this.#base + at - this.#firstStamp;
      // A gap of minutes is a fault of the file, not a pause.
      if (named >= this.#end - this.#interval && named < this.#end + 60e6) time = named;
    }
    this.#roundFrames += 1;
    this.#end = time + this.#interval;
    return time;
  }

  #newFrame(): AvFrame {
    const frame = new this.#av.Frame();
    frame.alloc();
    return frame;
  }
}

/** The same for one that was sent, when the door is closed. */
export function sentAsStandardInput(file: Fd): void {
  Fd.adopt(0).close();
  const opened = file.dup().take();
  file.close();
  if (opened !== 0) throw new AvError('call', `the file became descriptor ${opened}, not 0`);
}

/** Makes a file that was given by another descriptor the one behind descriptor 0, read from its beginning. */
export function fileAsStandardInput(given: number): void {
  closeSync(0);
  const opened = openSync(`/proc/self/fd/${given}`, 'r');
  if (opened !== 0) throw new AvError('call', `the file became descriptor ${opened}, not 0`);
  closeSync(given);
}
