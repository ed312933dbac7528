// SPDX-License-Identifier: Apache-2.0
/** Coded video out of a file of any container, cut into what a decoder takes: one access unit, frame or temporal unit at a time. */
import type { CodecId } from '@paravideo/core';
import { type Av, loadAv } from '../../av/index.ts';
import { DemoError } from './demo-error.ts';

type AvFormatContext = InstanceType<Av['FormatContext']>;
type BitstreamFilter = InstanceType<Av['BitStreamFilterContext']>;

/** One coded unit. */
export interface CodedUnit {
  readonly bytes: Uint8Array;
  /** the file's edit list leaves its picture out: it is decoded for the sake of others alone */
  readonly hidden: boolean;
}

/** The video stream of a file. `width` and `height` are what the container says, 0 if it does not. */
export interface CodedFile extends AsyncDisposable {
  readonly codec: Exclude<CodecId, 'toy'>;
  /** number of the stream in the file */
  readonly index: number;
  readonly width: number;
  readonly height: number;
  /** range of the samples: full for most of MJPEG */
  readonly range: 'limited' | 'full';
  /** Coded units in decoding order; parameter sets are in the stream. Each array is a copy. */
  units(): AsyncGenerator<CodedUnit, void>;
}

/** Opens a file. Throws `DemoError` if there is no video stream in it of a codec that is known. */
export async function openCodedFile(path: string): Promise<CodedFile> {
  const av = await loadAv();
  const format = new av.FormatContext();
  const opened = await format.openInput(path, null, null);
  if (opened < 0) throw new DemoError(`${path} cannot be opened: ${reason(av, opened)}`);
  try {
    await format.findStreamInfo(null);
    const c = av.constants;
    const index = format.findBestStream(c.AVMEDIA_TYPE_VIDEO);
    const stream = format.streams[index];
    if (index < 0 || stream === undefined) throw new DemoError(`${path} has no video stream`);
    const codecs = new Map<number, CodedFile['codec']>([
      [c.AV_CODEC_ID_H264, 'h264'],
      [c.AV_CODEC_ID_HEVC, 'hevc'],
      [c.AV_CODEC_ID_VP8, 'vp8'],
      [c.AV_CODEC_ID_VP9, 'vp9'],
      [c.AV_CODEC_ID_AV1, 'av1'],
      [c.AV_CODEC_ID_MPEG2VIDEO, 'mpeg2'],
      [c.AV_CODEC_ID_MPEG1VIDEO, 'mpeg2'],
      [c.AV_CODEC_ID_MJPEG, 'mjpeg'],
    ]);
    const codec = codecs.get(stream.codecpar.codecId);
    if (codec === undefined) {
      throw new DemoError(
        `${path} holds a codec that is not decoded here; known are ${[...new Set(codecs.values())].join(', ')}`,
      );
    }
    return new AvCodedFile(av, format, index, codec);
  } catch (error) {
    await format.closeInput();
    throw error;
  }
}

class AvCodedFile implements CodedFile {
  readonly codec: CodedFile['codec'];
  readonly index: number;
  readonly width: number;
  readonly height: number;
  readonly range: CodedFile['range'];
  readonly #av: Av;
  readonly #format: AvFormatContext;
  readonly #filter: BitstreamFilter | undefined;
  /** parameter sets that stand in the container only */
  readonly #head: Uint8Array;

  constructor(av: Av, format: AvFormatContext, index: number, codec: CodedFile['codec']) {
    const stream = format.streams[index];
    if (stream === undefined) throw new RangeError(`there is no stream ${index}`);
    this.codec = codec;
    this.width = stream.codecpar.width;
    this.height = stream.codecpar.height;
    const name = av.avGetPixFmtName(stream.codecpar.format as typeof av.constants.AV_PIX_FMT_YUV420P) ?? '';
    this.range = name.startsWith('yuvj') ? 'full' : 'limited';
    this.#av = av;
    this.#format = format;
    this.index = index;
    const extra = stream.codecpar.extradata;
    // in MP4 and Matroska, H.264 and HEVC have lengths in place of start codes and keep parameter sets outside the stream
    const packed = (codec === 'h264' || codec === 'hevc') && extra?.[0] === 1;
    this.#filter = packed ? annexB(av, codec, stream) : undefined;
    this.#head = codec === 'mpeg2' && extra ? Uint8Array.from(extra) : new Uint8Array(0);
  }

  async *units(): AsyncGenerator<CodedUnit, void> {
    const packet = new this.#av.Packet();
    packet.alloc();
    let first = true;
    try {
      for (;;) {
        const result = await this.#format.readFrame(packet);
        if (result === this.#av.constants.AVERROR_EOF) return;
        if (result < 0) throw new DemoError(`reading the file failed: ${reason(this.#av, result)}`);
        if (packet.streamIndex === this.index && packet.size > 0) {
          const hidden = (packet.flags & this.#av.constants.AV_PKT_FLAG_DISCARD) !== 0;
          for (const unit of this.#filtered(packet)) {
            const bytes = first && !startsWith(unit, this.#head) ? Uint8Array.from([...this.#head, ...unit]) : unit;
            yield { bytes, hidden };
            first = false;
          }
        }
        packet.unref();
      }
    } finally {
      packet.free();
    }
  }

  #filtered(packet: InstanceType<Av['Packet']>): Uint8Array[] {
    const units: Uint8Array[] = [];
    const take = () => {
      if (packet.data) units.push(Uint8Array.from(packet.data));
    };
    if (this.#filter === undefined) {
      take();
      return units;
    }
    const sent = this.#filter.sendPacketSync(packet);
    if (sent < 0) throw new DemoError(`a coded unit has not the form that its container promises: ${reason(this.#av, sent)}`);
    while (this.#filter.receivePacketSync(packet) >= 0) {
      take();
      packet.unref();
    }
    return units;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#filter?.free();
    await this.#format.closeInput();
  }
}

function annexB(av: Av, codec: 'h264' | 'hevc', stream: AvFormatContext['streams'][number]): BitstreamFilter {
  const filter = av.BitStreamFilter.getByName(`${codec}_mp4toannexb`);
  const context = new av.BitStreamFilterContext();
  if (filter === null || context.alloc(filter) < 0) throw new DemoError(`the codec library has no filter ${codec}_mp4toannexb`);
  const parameters = context.inputCodecParameters;
  if (parameters === null || stream.codecpar.copy(parameters) < 0 || context.init() < 0) {
    context.free();
    throw new DemoError(`the ${codec} parameters of the file cannot be read`);
  }
  return context;
}

const startsWith = (bytes: Uint8Array, head: Uint8Array): boolean => head.every((byte, i) => bytes[i] === byte);

function reason(av: Av, code: number): string {
  return new av.FFmpegError(code).message;
}
