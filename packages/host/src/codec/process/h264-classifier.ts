// SPDX-License-Identifier: Apache-2.0
/** What the units of H.264 mean for the cutting into frames: which slices begin one, and which fields are of one frame. */
import { BitReader, unescaped } from './bit-reader.ts';
import { SequenceHeaders } from './sequence-headers.ts';
import type { UnitClassifier, UnitKind } from './start-codes.ts';

const SLICE = 1;
const PARTITION_A = 2;
const IDR = 5;
const SEI = 6;
const SPS = 7;
const PPS = 8;
const DELIMITER = 9;
const RECOVERY_POINT = 6;

/** Bytes that a slice header can take up to the fields of interest, with emulation prevention. */
const SLICE_BYTES = 16;
/** Most bytes that are read of parameter sets and of SEI. */
const HEADER_BYTES = 1024;

/** The profiles whose parameter sets name a chroma format (7.3.2.1.1). */
const HIGH_PROFILES = new Set([100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135]);

/** What of a sequence parameter set the slice header's layout depends on. */
interface Sequence {
  readonly separatePlanes: boolean;
  readonly frameNumBits: number;
  readonly framesOnly: boolean;
}

/** What tells whether two fields are of one frame. */
interface Picture {
  readonly idr: boolean;
  readonly frameNum: number;
  readonly field: 'none' | 'top' | 'bottom';
}

/** ITU-T H.264 7.4.1.2.3 and 7.4.1.2.4, as far as FFmpeg's decoder is concerned. */
export class H264Classifier implements UnitClassifier {
  readonly zeroByte = true;
  readonly #sequences = new Map<number, Sequence>();
  readonly #headers = new SequenceHeaders();
  /** picture parameter set to sequence parameter set */
  readonly #pictureSets = new Map<number, number>();
  #fieldsPossible = false;
  #first: Picture | undefined;
  #fields = 0;
  #entry = false;
  /** a recovery point was announced for the picture that follows */
  #recovery = false;

  /** Whether a slice begins a picture is its first bits' affair, unless there may be fields. */
  get lookahead(): number {
    return this.#fieldsPossible ? SLICE_BYTES : 2;
  }

  /** True while the picture is a first field. */
  get half(): boolean {
    return this.#fields === 1 && this.#first !== undefined && this.#first.field !== 'none';
  }

  /** True if decoding can begin at the picture: it is an IDR picture, or says itself from where on all is whole. */
  get entry(): boolean {
    return this.#entry;
  }

  get steady(): boolean {
    return this.#headers.same;
  }

  classify(data: Buffer, at: number): UnitKind {
    switch ((data[at] ?? 0) & 0x1f) {
      case SLICE:
      case PARTITION_A:
      case IDR:
        // first_mb_in_slice is an Exp-Golomb code: 0 is a single 1 bit.
        if (((data[at + 1] ?? 0) & 0x80) === 0) return 'more';
        return this.#completes(this.#header(data, at)) ? 'more' : 'first';
      case 3: // data partitions B and C
      case 4:
        return 'more';
      case SEI:
      case SPS:
      case PPS:
      case DELIMITER:
        return 'before';
      default:
        return 'neutral';
    }
  }

  picture(data: Buffer, at: number): void {
    const type = (data[at] ?? 0) & 0x1f;
    if (type !== SLICE && type !== PARTITION_A && type !== IDR) return;
    if (type === IDR || this.#recovery) this.#entry = true;
    this.#recovery = false;
    if (((data[at + 1] ?? 0) & 0x80) === 0) return;
    this.#first ??= this.#header(data, at);
    this.#fields += 1;
  }

  complete(data: Buffer, from: number, to: number): void {
    const type = (data[from] ?? 0) & 0x1f;
    if (type !== SPS && type !== PPS && type !== SEI) return;
    const bytes = unescaped(data, from + 1, to, HEADER_BYTES);
    if (type === SEI) this.#recovery ||= announcesRecovery(bytes);
    else if (type === SPS) {
      this.#headers.add(data, from, to);
      this.#sequence(bytes);
    } else {
      const reader = new BitReader(bytes);
      const id = reader.ue();
      const sequence = reader.ue();
      if (id < 256 && sequence < 32) this.#pictureSets.set(id, sequence);
    }
  }

  cut(): void {
    this.#first = undefined;
    this.#fields = 0;
    this.#entry = false;
  }

  /** True if a picture is the second field of the one that is being collected. */
  #completes(next: Picture): boolean {
    const first = this.#first;
    if (first === undefined || !this.half) return false;
    return !next.idr && next.field !== 'none' && next.field !== first.field && next.frameNum === first.frameNum;
  }

  #header(data: Buffer, at: number): Picture {
    const idr = ((data[at] ?? 0) & 0x1f) === IDR;
    const reader = new BitReader(unescaped(data, at + 1, at + SLICE_BYTES, SLICE_BYTES));
    reader.ue(); // first_mb_in_slice
    reader.ue(); // slice_type
    const sequence = this.#sequences.get(this.#pictureSets.get(reader.ue()) ?? -1);
    if (sequence === undefined || sequence.framesOnly) return { idr, frameNum: 0, field: 'none' };
    if (sequence.separatePlanes) reader.bits(2);
    const frameNum = reader.bits(sequence.frameNumBits);
    if (!reader.flag()) return { idr, frameNum, field: 'none' };
    return { idr, frameNum, field: reader.flag() ? 'bottom' : 'top' };
  }

  /** 7.3.2.1.1, up to frame_mbs_only_flag. */
  #sequence(bytes: Buffer): void {
    const reader = new BitReader(bytes);
    const profile = reader.bits(8);
    reader.bits(16); // constraints, level
    const id = reader.ue();
    let separatePlanes = false;
    if (HIGH_PROFILES.has(profile)) {
      const chroma = reader.ue();
      if (chroma === 3) separatePlanes = reader.flag();
      reader.ue(); // bit depths
      reader.ue();
      reader.flag(); // lossless bypass
      if (reader.flag()) {
        for (let i = 0; i < (chroma === 3 ? 12 : 8); i += 1) if (reader.flag()) skipScalingList(reader, i < 6 ? 16 : 64);
      }
    }
    const frameNumBits = reader.ue() + 4;
    const order = reader.ue();
    if (order === 0) {
      reader.ue();
    } else if (order === 1) {
      reader.flag();
      reader.se();
      reader.se();
      const cycle = reader.ue();
      for (let i = 0; i < Math.min(cycle, 255); i += 1) reader.se();
    }
    reader.ue(); // reference frames
    reader.flag(); // gaps in frame_num
    reader.ue(); // width and height
    reader.ue();
    const framesOnly = reader.flag();
    if (reader.exhausted || id > 31 || frameNumBits > 16) return;
    this.#fieldsPossible ||= !framesOnly;
    this.#sequences.set(id, { separatePlanes, frameNumBits, framesOnly });
  }
}

/** 7.3.2.1.1.1 */
function skipScalingList(reader: BitReader, size: number): void {
  let last = 8;
  for (let i = 0; i < size; i += 1) {
    const next = (last + reader.se() + 256) % 256;
    // The rest of the list repeats the last value.
    if (next === 0) return;
    last = next;
  }
}

/** True if one of the messages of an SEI unit is a recovery point (7.3.2.3.1, D.1.8). */
function announcesRecovery(bytes: Buffer): boolean {
  const number = (at: number): { value: number; next: number } => {
    let value = 0;
    let next = at;
    for (; bytes[next] === 0xff; next += 1) value += 0xff;
    return { value: value + (bytes[next] ?? 0), next: next + 1 };
  };
  for (let at = 0; at + 2 < bytes.length; ) {
    const type = number(at);
    const size = number(type.next);
    if (type.value === RECOVERY_POINT) return true;
    at = size.next + size.value;
  }
  return false;
}
