// SPDX-License-Identifier: Apache-2.0
/** What the units between start codes (00 00 01) mean for the cutting of a stream into pictures. */

/**
 * `first`: a new picture begins here. `more`: goes on with a picture. `before`: belongs to the picture that follows.
 * `neutral`: stays where it is.
 */
export type UnitKind = 'first' | 'more' | 'before' | 'neutral';

/** Knows the units of one codec. */
export interface Classifier {
  /** bytes after the start code that `classify` wants to see */
  readonly lookahead: number;
  /** The kind of the unit whose first byte after the start code is at `at`. */
  classify(data: Buffer, at: number): UnitKind;
  /** A new access unit begins. */
  cut(): void;
}

/** ITU-T H.264 7.4.1.2.3: what begins an access unit, as far as FFmpeg's decoder is concerned. */
export function h264Classifier(): Classifier {
  return {
    lookahead: 2,
    classify: (data, at) => {
      switch ((data[at] ?? 0) & 0x1f) {
        case 1: // slice
        case 2: // data partition A
        case 5: // IDR slice
          // first_mb_in_slice is an Exp-Golomb code: 0 is a single 1 bit.
          return ((data[at + 1] ?? 0) & 0x80) !== 0 ? 'first' : 'more';
        case 3: // data partitions B and C
        case 4:
          return 'more';
        case 6: // SEI, SPS, PPS, delimiter
        case 7:
        case 8:
        case 9:
          return 'before';
        default:
          return 'neutral';
      }
    },
    cut: () => {},
  };
}

/** ITU-T H.265 7.4.2.4.4. */
export function hevcClassifier(): Classifier {
  return {
    lookahead: 3,
    classify: (data, at) => {
      const type = ((data[at] ?? 0) >> 1) & 0x3f;
      const layer = (((data[at] ?? 0) & 1) << 5) | ((data[at + 1] ?? 0) >> 3);
      if (layer !== 0) return 'neutral';
      if (type < 32) return ((data[at + 2] ?? 0) & 0x80) !== 0 ? 'first' : 'more';
      // Parameter sets, delimiter, prefix SEI, reserved types that begin an access unit.
      if (type <= 35 || type === 39 || (type >= 41 && type <= 44) || (type >= 48 && type <= 55)) return 'before';
      return 'neutral';
    },
    cut: () => {},
  };
}

const PICTURE = 0x00;
const EXTENSION = 0xb5;
const PICTURE_CODING = 8;
const FRAME_PICTURE = 3;

/** ISO/IEC 13818-2 6.2: two field pictures make one unit, because that is what FFmpeg's decoder wants. */
export function mpeg2Classifier(): Classifier {
  let firstField = false;
  return {
    lookahead: 4,
    classify: (data, at) => {
      const code = data[at] ?? 0;
      if (code === PICTURE) return firstField ? 'more' : 'first';
      if (code < 0xb0) return 'more';
      if (code === EXTENSION && (data[at + 1] ?? 0) >> 4 === PICTURE_CODING) {
        // picture_structure stands 22 bits into the extension.
        firstField = ((data[at + 3] ?? 0) & 3) !== FRAME_PICTURE && !firstField;
      }
      // Sequence header and group header.
      return code === 0xb3 || code === 0xb8 ? 'before' : 'neutral';
    },
    cut: () => {
      firstField = false;
    },
  };
}
