// SPDX-License-Identifier: Apache-2.0
import { type PictureLayout, SourceError } from '@paravideo/core';
import { captionSprite } from './caption.ts';
import { type ColourMatrix, type ColourSettings, Palette } from './colour.ts';
import { INK, OVERLAY_COLOURS, overlay, type Sprite } from './overlay.ts';
import { type Painter, painterFor } from './painter.ts';
import { type PatternMoment, SCENES, type Scene, type SceneRows, SIGN_SCENE } from './scene.ts';
import { signSprite } from './sign.ts';
import { Stamp } from './stamp.ts';

/** Everything about a picture that a control can change. */
export interface PatternSettings extends ColourSettings {
  /** index in `SCENES` */
  readonly pattern: number;
  readonly hflip: boolean;
  readonly vflip: boolean;
}

/**
 * What a picture is of, beside what controls change: a scene with the clock and the ball, and with lines in a corner; the same without
 * anything that moves; or a sign.
 */
export type PatternSubject =
  | { readonly kind: 'scene'; readonly caption?: readonly string[]; readonly still?: boolean }
  | { readonly kind: 'sign'; readonly lines: readonly string[] };

/** When a still picture is taken. */
const STILL: PatternMoment = { sequence: 0, time: 0, timeOfDay: 0 };

/** What stands over the scene and changes from picture to picture, and then what stays. */
export function spritesOf(
  width: number,
  height: number,
  moment: PatternMoment,
  subject: PatternSubject,
): { readonly passing: readonly Sprite[]; readonly staying: Sprite | undefined } {
  if (subject.kind === 'sign') return { passing: [], staying: signSprite(width, height, subject.lines) };
  const { caption, still } = subject;
  return {
    passing: still === true ? [] : overlay(width, height, moment),
    staying: caption === undefined ? undefined : captionSprite(width, height, caption),
  };
}

/**
 * Renders test pictures of one layout. Deterministic: the same moment and settings give the same bytes. Rows are painted
 * once per distinct key and copied; what moves over them (ball and text) is painted afterwards, as rectangles.
 */
export class PatternRenderer {
  readonly #layout: PictureLayout;
  readonly #subject: PatternSubject;
  /** what stays, and the colours and flips in which it was painted */
  #stamp: { readonly stamp: Stamp; readonly key: string } | undefined;
  readonly #palette: Palette;
  /** what the palette was made for */
  #colours = '';
  /** scene rows of the picture in work, by key; buffers are kept from picture to picture */
  readonly #rows = new Map<number, Uint8Array>();
  readonly #spare: Uint8Array[] = [];
  readonly #bandOf = new Map<number, number>();
  readonly #scratch: readonly [Uint8Array, Uint8Array];
  readonly #oriented: readonly [Uint8Array, Uint8Array];

  constructor(layout: PictureLayout, matrix: ColourMatrix, subject: PatternSubject = { kind: 'scene' }) {
    this.#layout = layout;
    this.#subject = subject;
    this.#palette = new Palette(matrix);
    const row = (): Uint8Array => new Uint8Array(layout.width);
    this.#scratch = [row(), row()];
    this.#oriented = [row(), row()];
  }

  /** Renders into the memory of a picture, one view per memory plane. Bytes between width and stride are left alone. */
  render(memory: readonly Uint8Array[], at: PatternMoment, settings: PatternSettings): void {
    const { width, height } = this.#layout;
    const subject = this.#subject;
    const moment = subject.kind === 'scene' && subject.still === true ? STILL : at;
    const scene = subject.kind === 'sign' ? SIGN_SCENE : SCENES[settings.pattern];
    if (scene === undefined) throw new SourceError(`test pattern ${settings.pattern}: there are 0 to ${SCENES.length - 1}`);
    this.#mix(scene, moment, settings);
    const painter = painterFor(this.#layout, memory);
    const rows = scene.rows(width, height, moment);
    this.#background(painter, rows, settings);
    const { passing, staying } = spritesOf(width, height, moment, subject);
    for (const area of passing) this.#rectangle(painter, rows, area, passing, settings);
    if (staying !== undefined) this.#stay(painter, rows, staying, memory, settings);
    for (const row of this.#rows.values()) this.#spare.push(row);
    this.#rows.clear();
    this.#bandOf.clear();
  }

  /** Paints what stays, or copies it from where it was painted. It covers all that is behind it. */
  #stay(painter: Painter, rows: SceneRows, area: Sprite, memory: readonly Uint8Array[], settings: PatternSettings): void {
    const { brightness, contrast, saturation, hue, hflip, vflip } = settings;
    const key = `${brightness} ${contrast} ${saturation} ${hue} ${hflip} ${vflip}`;
    if (this.#stamp?.key === key) return this.#stamp.stamp.put(memory);
    this.#rectangle(painter, rows, area, [area], settings);
    const { width, height } = this.#layout;
    const left = hflip ? width - area.left - area.width : area.left;
    const top = vflip ? height - area.top - area.height : area.top;
    const stamp = new Stamp(this.#layout, { left, top, width: area.width, height: area.height });
    stamp.take(memory);
    this.#stamp = { stamp, key };
  }

  #mix(scene: Scene, { time }: PatternMoment, settings: PatternSettings): void {
    const { pattern, brightness, contrast, saturation, hue } = settings;
    const colours = `${pattern} ${brightness} ${contrast} ${saturation} ${hue} ${scene.animated ? time : ''}`;
    if (colours === this.#colours) return;
    this.#colours = colours;
    for (const [i, colour] of scene.colours(time).entries()) this.#palette.set(i, colour, settings);
    for (const [i, colour] of OVERLAY_COLOURS.entries()) this.#palette.set(INK + i, colour, settings);
  }

  /** The scene's row with this key, before any flip. */
  #row(rows: SceneRows, key: number): Uint8Array {
    let row = this.#rows.get(key);
    if (row === undefined) {
      row = this.#spare.pop() ?? new Uint8Array(this.#layout.width);
      rows.paint(key, row);
      this.#rows.set(key, row);
    }
    return row;
  }

  #background(painter: Painter, rows: SceneRows, { hflip, vflip }: PatternSettings): void {
    const { width, height } = this.#layout;
    const { bandRows } = painter;
    const keyAt = (y: number): number => rows.key(vflip ? height - 1 - y : y);
    const bandKey = (band: number): number => (bandRows === 1 ? keyAt(band) : keyAt(2 * band) * 65536 + keyAt(2 * band + 1));
    const bands = height / bandRows;
    for (let band = 0; band < bands; ) {
      const key = bandKey(band);
      let end = band + 1;
      while (end < bands && bandKey(end) === key) end++;
      const painted = this.#bandOf.get(key);
      if (painted !== undefined) {
        painter.repeat(painted, band, end - band);
      } else {
        const a = this.#turned(this.#row(rows, keyAt(band * bandRows)), 0, hflip);
        const b = bandRows === 1 ? a : this.#turned(this.#row(rows, keyAt(band * 2 + 1)), 1, hflip);
        painter.paint(this.#palette, a, b, 0, width, band);
        this.#bandOf.set(key, band);
        if (end > band + 1) painter.repeat(band, band + 1, end - band - 1);
      }
      band = end;
    }
  }

  #turned(row: Uint8Array, which: 0 | 1, hflip: boolean): Uint8Array {
    if (!hflip) return row;
    const turned = this.#oriented[which];
    turned.set(row);
    return turned.reverse();
  }

  /** Paints what lies in the rectangle of one sprite: the scene and all sprites over it, in their order. */
  #rectangle(
    painter: Painter,
    rows: SceneRows,
    area: Sprite,
    sprites: readonly Sprite[],
    { hflip, vflip }: PatternSettings,
  ): void {
    const { width, height } = this.#layout;
    const left = hflip ? width - area.left - area.width : area.left;
    const top = vflip ? height - area.top - area.height : area.top;
    const x0 = Math.max(0, left & ~1);
    const x1 = Math.min(width, (left + area.width + 1) & ~1);
    // The same columns in the scene, where the rows are composed.
    const sceneX0 = hflip ? width - x1 : x0;
    const sceneX1 = hflip ? width - x0 : x1;
    const compose = (y: number, which: 0 | 1): Uint8Array => {
      const sceneY = vflip ? height - 1 - y : y;
      const row = this.#scratch[which];
      row.set(this.#row(rows, rows.key(sceneY)).subarray(sceneX0, sceneX1), sceneX0);
      for (const sprite of sprites) if (sceneY >= sprite.top && sceneY < sprite.top + sprite.height) sprite.paint(sceneY, row);
      if (!hflip) return row;
      const turned = this.#oriented[which];
      for (let x = x0; x < x1; x++) turned[x] = row[width - 1 - x] as number;
      return turned;
    };
    const { bandRows } = painter;
    const first = Math.floor(Math.max(0, top) / bandRows);
    const end = Math.ceil(Math.min(height, top + area.height) / bandRows);
    for (let band = first; band < end; band++) {
      const a = compose(band * bandRows, 0);
      const b = bandRows === 1 ? a : compose(band * 2 + 1, 1);
      painter.paint(this.#palette, a, b, x0, x1, band);
    }
  }
}
