// SPDX-License-Identifier: Apache-2.0
/** What is drawn over every scene: the time of day, the number of the frame, and a ball that bounces. */
import type { Rgb } from './colour.ts';
import { GLYPH_HEIGHT, GLYPH_WIDTH, glyphRow } from './font.ts';
import { type PatternMoment, SCENE_COLOURS } from './scene.ts';

/** Palette indices of the overlay. */
export const INK = SCENE_COLOURS;
export const PAPER = SCENE_COLOURS + 1;
export const BALL = SCENE_COLOURS + 2;
export const BALL_RIM = SCENE_COLOURS + 3;

/** Colours of the overlay, from index `INK` on. */
export const OVERLAY_COLOURS: readonly Rgb[] = [
  [255, 255, 255],
  [16, 16, 16],
  [250, 150, 30],
  [60, 20, 0],
];

/** Part of a picture that is drawn over the scene. Coordinates are those of the scene, before any flip. */
export interface Sprite {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
  /** Draws row y (of the picture) into a row of the whole width; touches only its own pixels. */
  paint(y: number, row: Uint8Array): void;
}

/** Where the text stands: cells of (GLYPH_WIDTH + 1) x LINE_PITCH dots, `scale` pixels a dot. */
export interface TextGeometry {
  readonly scale: number;
  /** the box, in pixels */
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
  /** the first dot of the first cell, in pixels */
  readonly textLeft: number;
  readonly textTop: number;
}

/** dots from the top of one line of text to the top of the next */
export const LINE_PITCH = GLYPH_HEIGHT + 2;

const COLUMNS = 12;
const LINES = 2;

/** The text's place in a picture of this size. */
export function textGeometry(width: number, height: number): TextGeometry {
  const scale = Math.max(1, Math.min(Math.floor(width / 240), Math.floor(height / 90)));
  const margin = 4 * scale;
  const padding = 2 * scale;
  return {
    scale,
    left: margin,
    top: margin,
    width: COLUMNS * (GLYPH_WIDTH + 1) * scale - scale + 2 * padding,
    height: ((LINES - 1) * LINE_PITCH + GLYPH_HEIGHT) * scale + 2 * padding,
    textLeft: margin + padding,
    textTop: margin + padding,
  };
}

/** The two lines: `HH:MM:SS.mmm`, and `#` with the frame's number in 8 digits (it starts again after 99,999,999). */
export function textLines({ sequence, timeOfDay }: PatternMoment): readonly [string, string] {
  const pad = (value: number, digits: number): string => String(value).padStart(digits, '0');
  const ms = Math.floor(timeOfDay);
  const clock = [Math.floor(ms / 3_600_000) % 24, Math.floor(ms / 60_000) % 60, Math.floor(ms / 1000) % 60]
    .map((n) => pad(n, 2))
    .join(':');
  return [`${clock}.${pad(ms % 1000, 3)}`, `#${pad(sequence % 100_000_000, 8)}`];
}

/** Paints one row of dots of a line of text, from pixel `left` on, `scale` pixels a dot. */
export function paintText(row: Uint8Array, line: string, glyphY: number, left: number, scale: number): void {
  for (let i = 0; i < line.length; i++) {
    const bits = glyphRow(line[i] ?? '', glyphY);
    const cell = left + i * (GLYPH_WIDTH + 1) * scale;
    for (let dot = 0; dot < GLYPH_WIDTH; dot++) {
      if ((bits & (1 << (GLYPH_WIDTH - 1 - dot))) !== 0) row.fill(INK, cell + dot * scale, cell + (dot + 1) * scale);
    }
  }
}

function text(width: number, height: number, moment: PatternMoment): Sprite {
  const box = textGeometry(width, height);
  const lines = textLines(moment);
  const { scale } = box;
  return {
    ...box,
    paint(y, row) {
      row.fill(PAPER, box.left, box.left + box.width);
      const dotRow = Math.floor((y - box.textTop) / scale);
      const line = lines[Math.floor(dotRow / LINE_PITCH)];
      if (dotRow < 0 || line === undefined) return;
      paintText(row, line, dotRow % LINE_PITCH, box.textLeft, scale);
    },
  };
}

/** To and fro between 0 and `range`, one way in `period` microseconds. */
function bounce(time: number, period: number, range: number): number {
  const phase = (time % (2 * period)) / period;
  return Math.round(range * (phase < 1 ? phase : 2 - phase));
}

function ball(width: number, height: number, { time }: PatternMoment): Sprite {
  const size = Math.max(8, 2 * Math.floor(Math.min(width, height) / 16));
  const left = bounce(time, 3_700_000, width - size);
  const top = bounce(time, 2_300_000, height - size);
  const half = (radius: number, y: number): number => {
    const dy = y + 0.5 - size / 2;
    return radius * radius > dy * dy ? Math.round(Math.sqrt(radius * radius - dy * dy)) : 0;
  };
  return {
    left,
    top,
    width: size,
    height: size,
    paint(y, row) {
      const middle = left + size / 2;
      const outer = half(size / 2, y - top);
      const inner = half(size * 0.42, y - top);
      row.fill(BALL_RIM, middle - outer, middle + outer);
      row.fill(BALL, middle - inner, middle + inner);
    },
  };
}

/** The sprites of a picture, in the order in which they are drawn. */
export function overlay(width: number, height: number, moment: PatternMoment): readonly Sprite[] {
  return [ball(width, height, moment), text(width, height, moment)];
}
