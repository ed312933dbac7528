// SPDX-License-Identifier: Apache-2.0
/**
 * YUV4MPEG2, as ffmpeg, GStreamer, mjpegtools and x264 write it: a line that says what the frames are, and before each frame a line
 * that begins with FRAME.
 */
import { type Fraction, V4L2_PIX_FMT_GREY, V4L2_PIX_FMT_YUV420, V4L2_PIX_FMT_YUV422P } from '@paravideo/core';
import type { HeaderFound, HeaderReader } from './header-reader.ts';
import { ProducerFault, printable } from './producer-fault.ts';
import { checkedPicture, frameBytes, type RawPicture } from './raw-picture.ts';

/** Bytes of the stream's line at most, its end included. */
export const MAX_STREAM_LINE = 1024;
/** Bytes of the line before a frame at most, its end included. */
export const MAX_FRAME_LINE = 256;

const STREAM = 'YUV4MPEG2 ';
const FRAME = 'FRAME';
const LINE_END = 0x0a;

/** V4L2's name of each colour space that has one here; where the chroma lies exactly is not told. */
const FORMATS: Readonly<Record<string, number>> = {
  '420': V4L2_PIX_FMT_YUV420,
  '420jpeg': V4L2_PIX_FMT_YUV420,
  '420mpeg2': V4L2_PIX_FMT_YUV420,
  '420paldv': V4L2_PIX_FMT_YUV420,
  '422': V4L2_PIX_FMT_YUV422P,
  mono: V4L2_PIX_FMT_GREY,
};

/** See the top of the file. */
export class Y4mReader implements HeaderReader {
  readonly #expected: Fraction;
  readonly #line = new Uint8Array(MAX_STREAM_LINE);
  #length = 0;
  #picture: RawPicture | undefined;
  #bytes = 0;

  /** @param expected seconds per frame where the stream does not say so */
  constructor(expected: Fraction) {
    this.#expected = expected;
  }

  /** Up to where the shortest line of its kind may end, and from there byte by byte: what follows the line is not the reader's. */
  get wants(): number {
    const least = this.#picture === undefined ? STREAM.length : FRAME.length + 1;
    return Math.max(1, least - this.#length);
  }

  get half(): boolean {
    return this.#length > 0;
  }

  take(bytes: Uint8Array): HeaderFound | undefined {
    this.#line.set(bytes, this.#length);
    this.#length += bytes.length;
    const line = this.#line.subarray(0, this.#length);
    const picture = this.#picture;
    if (picture === undefined) this.#mustBegin(line, STREAM, 'send YUV4MPEG2, or say format: frames');
    else this.#mustBegin(line, FRAME, 'its frames are longer or shorter than its header says');
    if (line[this.#length - 1] !== LINE_END) {
      const most = picture === undefined ? MAX_STREAM_LINE : MAX_FRAME_LINE;
      if (this.#length >= most) throw new ProducerFault(`a line of a YUV4MPEG2 header has more than ${most} bytes`);
      return undefined;
    }
    const text = printable(line.subarray(0, -1));
    this.#length = 0;
    if (picture !== undefined) {
      if (text.length > FRAME.length && text[FRAME.length] !== ' ')
        throw new ProducerFault(`a frame begins with "${text.slice(0, 40)}", not with "FRAME": its producer is out of step`);
      return { kind: 'frame', picture, bytes: this.#bytes, timestamp: 0 };
    }
    this.#picture = y4mPicture(text, this.#expected);
    this.#bytes = frameBytes(this.#picture);
    return { kind: 'picture', picture: this.#picture };
  }

  #mustBegin(line: Uint8Array, begin: string, remedy: string): void {
    const there = printable(line.subarray(0, begin.length));
    if (begin.startsWith(there) && line.subarray(0, begin.length).every((byte, i) => byte === begin.charCodeAt(i))) return;
    throw new ProducerFault(`"${there}" stands where "${begin.trim()}" has to: ${remedy}`);
  }
}

/** The picture that the line of a stream describes, without its end. Throws `ProducerFault`. */
export function y4mPicture(line: string, expected: Fraction): RawPicture {
  const said = new Map<string, string>();
  let fullRange = false;
  for (const token of line.slice(STREAM.length).split(' ')) {
    const [kind = '', value] = [token.slice(0, 1), token.slice(1)];
    if (kind === '') continue;
    if (kind === 'X') {
      fullRange = value === 'COLORRANGE=FULL' || fullRange;
      continue;
    }
    if (said.has(kind)) throw new ProducerFault(`the YUV4MPEG2 header says ${kind} twice`);
    said.set(kind, value);
  }
  const interlacing = said.get('I') ?? '?';
  if (interlacing !== 'p' && interlacing !== '?') {
    throw new ProducerFault(`the frames are interlaced (I${interlacing}): have the producer deinterlace them, ffmpeg -vf bwdif`);
  }
  const colours = said.get('C') ?? '420jpeg';
  const fourcc = Object.hasOwn(FORMATS, colours) ? FORMATS[colours] : undefined;
  if (fourcc === undefined) {
    throw new ProducerFault(
      `the colour space C${colours} has no place in a camera (there are: ${Object.keys(FORMATS).join(', ')}): ` +
        'have the producer convert it, ffmpeg -pix_fmt yuv420p',
    );
  }
  const aspect = said.get('A');
  if (aspect !== undefined) ratio('A', aspect);
  const { width, height } = { width: side('W', said.get('W')), height: side('H', said.get('H')) };
  return checkedPicture({ fourcc, width, height, interval: interval(said.get('F'), expected), fullRange });
}

function side(name: 'W' | 'H', value: string | undefined): number {
  if (value === undefined || !/^\d{1,6}$/.test(value)) {
    throw new ProducerFault(`the YUV4MPEG2 header has to say ${name} and a number of pixels, not "${name}${value ?? ''}"`);
  }
  return Number(value);
}

function ratio(name: string, value: string): readonly [number, number] {
  const [, a, b] = /^(\d{1,9}):(\d{1,9})$/.exec(value) ?? [];
  if (a === undefined || b === undefined) {
    throw new ProducerFault(`the YUV4MPEG2 header says "${name}${value}", which is not ${name} and two numbers`);
  }
  return [Number(a), Number(b)];
}

/** Seconds per frame; 0:0, or nothing, is a rate that is not known. */
function interval(value: string | undefined, expected: Fraction): Fraction {
  if (value === undefined) return expected;
  const [frames, seconds] = ratio('F', value);
  return frames === 0 || seconds === 0 ? expected : { numerator: seconds, denominator: frames };
}
