// SPDX-License-Identifier: Apache-2.0
/** What the units between start codes (00 00 01) mean for the cutting of a stream into pictures. */
import { SequenceHeaders } from './sequence-headers.ts';

/**
 * `first`: a new picture begins here. `more`: goes on with a picture. `before`: belongs to the picture that follows.
 * `neutral`: stays where it is.
 */
export type UnitKind = 'first' | 'more' | 'before' | 'neutral';

/** Knows the units of one codec. */
export interface UnitClassifier {
  /** bytes after the start code that `classify` and `picture` want to see */
  readonly lookahead: number;
  /** whether a zero byte before a start code belongs to it, not to the unit before */
  readonly zeroByte: boolean;
  /** the picture so far is a first field: the second may follow */
  readonly half: boolean;
  /** see `AccessUnit.entry`, of the picture so far */
  readonly entry: boolean | undefined;
  /** see `Splitter.steady` */
  readonly steady: boolean;
  /** The kind of the unit whose first byte after the start code is at `at`. */
  classify(data: Buffer, at: number): UnitKind;
  /** The unit at `at`, a `first` or `more`, belongs to the picture that is being collected. */
  picture(data: Buffer, at: number): void;
  /** All of a unit is there, of any kind: from `from` to `to`. */
  complete(data: Buffer, from: number, to: number): void;
  /** The picture is over. */
  cut(): void;
}

const HEVC_SPS = 33;

/** ITU-T H.265 7.4.2.4.4. */
export class HevcClassifier implements UnitClassifier {
  readonly lookahead = 3;
  readonly zeroByte = true;
  readonly half = false;
  readonly entry = undefined;
  readonly #sequences = new SequenceHeaders();

  get steady(): boolean {
    return this.#sequences.same;
  }

  classify(data: Buffer, at: number): UnitKind {
    const type = hevcType(data, at);
    const layer = (((data[at] ?? 0) & 1) << 5) | ((data[at + 1] ?? 0) >> 3);
    if (layer !== 0) return 'neutral';
    if (type < 32) return ((data[at + 2] ?? 0) & 0x80) !== 0 ? 'first' : 'more';
    // Parameter sets, delimiter, prefix SEI, reserved types that begin an access unit.
    if (type <= 35 || type === 39 || (type >= 41 && type <= 44) || (type >= 48 && type <= 55)) return 'before';
    return 'neutral';
  }

  picture(): void {}

  complete(data: Buffer, from: number, to: number): void {
    if (hevcType(data, from) === HEVC_SPS) this.#sequences.add(data, from, to);
  }

  cut(): void {}
}

/** nal_unit_type */
function hevcType(data: Buffer, at: number): number {
  return ((data[at] ?? 0) >> 1) & 0x3f;
}

const PICTURE = 0x00;
const EXTENSION = 0xb5;
const PICTURE_CODING = 8;
const FRAME_PICTURE = 3;

/** ISO/IEC 13818-2 6.2: two field pictures make one unit, because that is what FFmpeg's decoder wants. */
export class Mpeg2Classifier implements UnitClassifier {
  readonly lookahead = 3;
  /** A slice may end with zero bits as far as its end is known: the decoder misses a byte that is cut off. */
  readonly zeroByte = false;
  readonly entry = undefined;
  readonly steady = false;
  #pictures = 0;
  #field = false;
  #temporal = 0;

  get half(): boolean {
    return this.#pictures === 1 && this.#field;
  }

  classify(data: Buffer, at: number): UnitKind {
    const code = data[at] ?? 0;
    // Both fields of a frame have its temporal reference.
    if (code === PICTURE) return this.half && temporalOf(data, at) === this.#temporal ? 'more' : 'first';
    if (code < 0xb0) return 'more';
    // Sequence header and group header.
    return code === 0xb3 || code === 0xb8 ? 'before' : 'neutral';
  }

  picture(data: Buffer, at: number): void {
    if (data[at] !== PICTURE) return;
    this.#pictures += 1;
    this.#temporal = temporalOf(data, at);
    this.#field = false;
  }

  complete(data: Buffer, from: number): void {
    if (data[from] !== EXTENSION || (data[from + 1] ?? 0) >> 4 !== PICTURE_CODING) return;
    // picture_structure stands 22 bits into the extension.
    this.#field = ((data[from + 3] ?? 0) & 3) !== FRAME_PICTURE;
  }

  cut(): void {
    this.#pictures = 0;
    this.#field = false;
  }
}

/** temporal_reference, the first ten bits of a picture header. */
function temporalOf(data: Buffer, at: number): number {
  return ((data[at + 1] ?? 0) << 2) | ((data[at + 2] ?? 0) >> 6);
}
