// SPDX-License-Identifier: Apache-2.0
import {
  type Capture,
  type Clock,
  type Fraction,
  fourccName,
  type PictureLayout,
  type PictureSize,
  SourceControls,
} from '@paravideo/core';
import { LinuxClock } from '../../clock/index.ts';
import type { Log } from '../../log/index.ts';
import { PacedCapture } from '../paced-capture.ts';
import type { ColourMatrix } from './colour.ts';
import { drawable } from './font.ts';
import { patternControls, patternModes, patternSettings } from './pattern-capabilities.ts';
import { PatternThread } from './pattern-thread.ts';
import type { PatternSubject } from './renderer.ts';
import { SCENE_KINDS, type SceneKind } from './scene.ts';

/** How a test pattern differs from the usual one. */
export interface PatternOptions {
  /** where deaths and returns of its thread are told; nowhere */
  readonly log?: Log;
  /** name of the camera; "Paravideo Test Pattern" */
  readonly card?: string | undefined;
  /** what is shown until a guest chooses another; bars */
  readonly kind?: SceneKind | undefined;
  /** whether name, size, format and rate stand in the picture; true */
  readonly caption?: boolean | undefined;
  /** a further line that stands there */
  readonly text?: string | undefined;
  /** whether anything moves: the scene, the clock, the number of the frame and the ball; true */
  readonly moving?: boolean | undefined;
  /** size until a guest asks for another; 1280x720 */
  readonly size?: PictureSize | undefined;
  /** seconds per frame until a guest asks for others; 1/30 */
  readonly interval?: Fraction | undefined;
  /** Y'CbCr encoding of the pictures, and what they declare; Rec. 601, which many programs take for granted, as webcams send it */
  readonly matrix?: ColourMatrix;
  /** paces the frames; CLOCK_MONOTONIC */
  readonly clock?: Clock;
  /** milliseconds since midnight, what the burnt-in clock shows; local time */
  readonly timeOfDay?: () => number;
  /** frames of one layout that may be filling or lent at one time, 1 or more; 8 */
  readonly slots?: number;
}

function localTimeOfDay(): number {
  const now = new Date();
  return ((now.getHours() * 60 + now.getMinutes()) * 60 + now.getSeconds()) * 1000 + now.getMilliseconds();
}

/** What a test picture of a layout and rate shows, and says in its corner. */
export function patternSubject(
  card: string,
  { fourcc, width, height }: PictureLayout,
  { numerator, denominator }: Fraction,
  { caption = true, text, moving = true }: Pick<PatternOptions, 'caption' | 'text' | 'moving'> = {},
): PatternSubject {
  const rate = Number((denominator / numerator).toFixed(2));
  const told = caption ? [card, `${width}x${height} ${fourccName(fourcc)} ${rate} fps`] : [];
  const lines = [...told, ...(text === undefined ? [] : [text])].map(drawable);
  return { kind: 'scene', still: !moving, ...(lines.length === 0 ? {} : { caption: lines }) };
}

/**
 * A camera that shows a moving test pattern with the time of day and the frame number burnt in, in every raw format, from
 * 96x64 to 4096x2160 and 5 to 120 frames a second, with brightness, contrast, saturation, hue, flips and a choice of
 * patterns. Rendered in a worker thread, which ends when the capture is disposed of.
 */
export function openPattern(o: PatternOptions = {}): Capture {
  const clock = o.clock ?? new LinuxClock();
  const matrix = o.matrix ?? 'rec601';
  const thread = new PatternThread({ matrix, clock, timeOfDay: o.timeOfDay ?? localTimeOfDay, log: o.log });
  const card = o.card ?? 'Paravideo Test Pattern';
  /** One set of controls; the thread ends with the first. */
  const capture = (close: () => void | Promise<void>): Capture => {
    const controls = new SourceControls(patternControls(SCENE_KINDS.indexOf(o.kind ?? 'bars')));
    return new PacedCapture({
      modes: patternModes(card, matrix, o.size, o.interval),
      controls,
      clock,
      renderer: {
        open: (pool, interval) =>
          thread.open(pool, () => patternSettings(controls), patternSubject(card, pool.layout, interval, o)),
        close,
      },
      name: 'paravideo-pattern',
      // A busy machine may keep the thread waiting for longer than an interval. A few frames may wait in front of it and come
      // late, close together, rather than not at all; each is stamped with the time it is of.
      inFlight: 4,
      // The thread's code becomes quick by being run.
      trials: 4,
      separate: () => capture(() => {}),
      ...(o.slots === undefined ? {} : { slots: o.slots }),
    });
  };
  return capture(() => thread.close());
}
