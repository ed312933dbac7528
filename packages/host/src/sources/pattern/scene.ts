// SPDX-License-Identifier: Apache-2.0
/**
 * What the test picture shows behind the clock: pictures of palette indices, described by their distinct rows. A row is
 * named by a key; rows with the same key are equal, so that a renderer paints each once and copies it.
 */
import type { Rgb } from './colour.ts';

/** Palette indices from here on belong to the overlay; a scene uses those below. */
export const SCENE_COLOURS = 240;

/** When a picture is taken. */
export interface PatternMoment {
  /** number of the frame */
  readonly sequence: number;
  /** microseconds; moves whatever moves */
  readonly time: number;
  /** milliseconds since midnight, what the clock shows */
  readonly timeOfDay: number;
}

/** The rows of one picture. */
export interface SceneRows {
  /** The key of row y, 0 to 65535. */
  key(y: number): number;
  /** Paints all pixels of the row with this key: palette indices below `SCENE_COLOURS`. */
  paint(key: number, row: Uint8Array): void;
}

/** A moving picture. */
export interface Scene {
  /** its name in the menu of V4L2_CID_TEST_PATTERN */
  readonly name: string;
  /** Colour of each index used at a time. Called once, unless `animated`. */
  colours(time: number): readonly Rgb[];
  /** the colours change with time */
  readonly animated: boolean;
  rows(width: number, height: number, moment: PatternMoment): SceneRows;
}

const SECOND = 1_000_000;

/** How far something has come that does one round of `length` in `period` seconds. */
function travelled(time: number, period: number, length: number): number {
  return Math.floor(((time % (period * SECOND)) * length) / (period * SECOND));
}

/** A fully saturated colour; `turn` goes round the colour wheel from 0 to 1. */
function hueOf(turn: number): Rgb {
  const channel = (shift: number): number => 255 * Math.min(1, Math.max(0, Math.abs(((turn + shift) % 1) * 6 - 3) - 1));
  return [channel(0), channel(2 / 3), channel(1 / 3)];
}

function even(value: number): number {
  return Math.max(2, 2 * Math.round(value / 2));
}

// SMPTE EG 1: seven bars at 75 %, the reversed blue bars, then -I, white, +Q and the black steps.
const GREY75: Rgb = [191, 191, 191];
const BAR_COLOURS: readonly Rgb[] = [
  GREY75,
  [191, 191, 0],
  [0, 191, 191],
  [0, 191, 0],
  [191, 0, 191],
  [191, 0, 0],
  [0, 0, 191],
  [0, 0, 0],
  [255, 255, 255],
  [0, 33, 76],
  [50, 0, 106],
  [9, 9, 9],
];
const TOP_BARS = [0, 1, 2, 3, 4, 5, 6];
const MIDDLE_BARS = [6, 7, 4, 7, 2, 7, 0];
/** in 84ths of the width: four of 5/28, then the steps of 1/21, then black */
const BOTTOM_BARS: readonly (readonly [colour: number, end: number])[] = [
  [9, 15],
  [8, 30],
  [10, 45],
  [7, 60],
  [7, 64],
  [7, 68],
  [11, 72],
  [7, 84],
];

function paintBars(row: Uint8Array, bars: readonly number[]): void {
  const width = row.length;
  for (const [i, colour] of bars.entries()) {
    row.fill(colour, Math.floor((i * width) / bars.length), Math.floor(((i + 1) * width) / bars.length));
  }
}

const colourBars: Scene = {
  name: 'SMPTE Colour Bars',
  animated: false,
  colours: () => BAR_COLOURS,
  rows: (_width, height) => ({
    key: (y) => (y < Math.floor((height * 2) / 3) ? 0 : y < Math.floor((height * 3) / 4) ? 1 : 2),
    paint(key, row) {
      if (key === 0) paintBars(row, TOP_BARS);
      else if (key === 1) paintBars(row, MIDDLE_BARS);
      else {
        let from = 0;
        for (const [colour, end] of BOTTOM_BARS) {
          const to = Math.floor((end * row.length) / 84);
          row.fill(colour, from, to);
          from = to;
        }
      }
    },
  }),
};

function ramp(name: string, colourAt: (turn: number) => Rgb): Scene {
  return {
    name,
    animated: false,
    colours: () => Array.from({ length: SCENE_COLOURS }, (_, i) => colourAt(i / (SCENE_COLOURS - 1))),
    rows(width, _height, { time }) {
      const shift = travelled(time, 4, width);
      return {
        key: () => 0,
        paint(_key, row) {
          for (let x = 0; x < width; x++) row[x] = Math.floor((((x + shift) % width) * SCENE_COLOURS) / width);
        },
      };
    },
  };
}

const greyRamp = ramp('Moving Grey Ramp', (turn) => [255 * turn, 255 * turn, 255 * turn]);

const rainbow = ramp('Moving Rainbow', (turn) => hueOf(turn));

const checkerboard: Scene = {
  name: 'Moving Checkerboard',
  animated: false,
  colours: () => [
    [235, 235, 235],
    [20, 20, 20],
  ],
  rows(width, height, { time }) {
    const cell = even(Math.min(width, height) / 8);
    const shift = travelled(time, 2, 2 * cell);
    return {
      key: (y) => Math.floor((y + shift) / cell) % 2,
      paint(key, row) {
        for (let x = 0; x < width; x++) row[x] = (Math.floor((x + shift) / cell) + key) % 2;
      },
    };
  },
};

const crosshatch: Scene = {
  name: 'Crosshatch',
  animated: false,
  colours: () => [
    [0, 0, 0],
    [255, 255, 255],
  ],
  rows(width, height) {
    const cell = even(Math.min(width, height) / 12);
    const line = Math.ceil(height / 720);
    return {
      key: (y) => (y % cell < line ? 1 : 0),
      paint(key, row) {
        if (key === 1) row.fill(1);
        else for (let x = 0; x < width; x++) row[x] = x % cell < line ? 1 : 0;
      },
    };
  },
};

const colourCycle: Scene = {
  name: 'Colour Cycle',
  animated: true,
  colours: (time) => [hueOf((time % (8 * SECOND)) / (8 * SECOND))],
  rows: () => ({ key: () => 0, paint: (_key, row) => void row.fill(0) }),
};

/** Distinct rows of noise in a picture: enough that the eye finds no pattern, few enough to be cheap. */
const NOISE_ROWS = 64;

/** A small mixing function: the same noise for the same number, on every machine. */
function mix(seed: number): number {
  let x = (seed ^ 0x9e3779b9) >>> 0;
  x = Math.imul(x ^ (x >>> 16), 0x21f0aaad);
  x = Math.imul(x ^ (x >>> 15), 0x735a2d97);
  return (x ^ (x >>> 15)) >>> 0;
}

const noise: Scene = {
  name: 'Noise',
  animated: false,
  colours: () => greyRamp.colours(0),
  rows(width, _height, { sequence }) {
    const seed = mix(sequence >>> 0);
    return {
      // Rows go in pairs, so that a band of a 4:2:0 picture has as few distinct forms as a row.
      key: (y) => (mix(seed + (y >> 1)) % (NOISE_ROWS / 2)) * 2 + (y & 1),
      paint(key, row) {
        let state = mix(seed ^ (key * 0x01000193)) | 1;
        for (let x = 0; x < width; x++) {
          state ^= state << 13;
          state ^= state >>> 17;
          state ^= state << 5;
          row[x] = ((state >>> 24) * SCENE_COLOURS) >> 8;
        }
      },
    };
  },
};

/** What stands behind a sign, and is not in the menu: grey bars, which look the same in every encoding. */
export const SIGN_SCENE: Scene = {
  name: 'Grey Bars',
  animated: false,
  colours: () => [60, 76, 92, 108].map((grey): Rgb => [grey, grey, grey]),
  rows: () => ({ key: () => 0, paint: (_key, row) => paintBars(row, [0, 1, 2, 3, 3, 2, 1, 0]) }),
};

/** What a configuration calls the scenes, in the order of the menu. */
export const SCENE_KINDS = ['bars', 'grey-ramp', 'rainbow', 'checkerboard', 'crosshatch', 'colour-cycle', 'noise'] as const;
/** One of them. */
export type SceneKind = (typeof SCENE_KINDS)[number];

/** All scenes, in the order of the menu. */
export const SCENES: readonly Scene[] = [colourBars, greyRamp, rainbow, checkerboard, crosshatch, colourCycle, noise];
