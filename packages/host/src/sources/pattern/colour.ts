// SPDX-License-Identifier: Apache-2.0
/**
 * The colours of a test picture. A picture is made of at most 256 colours, so whatever is done to colours (matrix, range,
 * contrast, hue) is done to a palette, exactly, and a pixel costs one look-up.
 *
 * A colour becomes 8-bit R'G'B' first, after the controls, and Y'CbCr is made from that: all formats show the same colour to
 * within one rounding.
 */

/** The Y'CbCr encoding: Rec. ITU-R BT.601 or BT.709, limited range (16 to 235, 16 to 240). */
export type ColourMatrix = 'rec601' | 'rec709';

/** R'G'B', each 0 to 255. */
export type Rgb = readonly [red: number, green: number, blue: number];

/** What the colour controls do. 128 of each (0 of hue) changes nothing. */
export interface ColourSettings {
  /** 0 to 255: added to the luma, 128 is nothing */
  readonly brightness: number;
  /** 0 to 255: 128 is a factor of 1 on the luma, around mid grey */
  readonly contrast: number;
  /** 0 to 255: 128 is a factor of 1 on the chroma, 0 is grey */
  readonly saturation: number;
  /** degrees, -180 to 180: rotation of the chroma */
  readonly hue: number;
}

const WEIGHTS: Readonly<Record<ColourMatrix, readonly [red: number, blue: number]>> = {
  rec601: [0.299, 0.114],
  rec709: [0.2126, 0.0722],
};

const clampByte = (value: number): number => Math.min(255, Math.max(0, Math.round(value)));

/** The colour after the controls, as 8-bit R'G'B'. */
export function adjust([red, green, blue]: Rgb, settings: ColourSettings, matrix: ColourMatrix): Rgb {
  const [kr, kb] = WEIGHTS[matrix];
  const plainY = (kr * red + (1 - kr - kb) * green + kb * blue) / 255;
  const plainPb = (blue / 255 - plainY) / (2 * (1 - kb));
  const plainPr = (red / 255 - plainY) / (2 * (1 - kr));
  const angle = (settings.hue * Math.PI) / 180;
  const gain = settings.saturation / 128;
  const y = (plainY - 0.5) * (settings.contrast / 128) + 0.5 + (settings.brightness - 128) / 255;
  const pb = gain * (plainPb * Math.cos(angle) - plainPr * Math.sin(angle));
  const pr = gain * (plainPb * Math.sin(angle) + plainPr * Math.cos(angle));
  const r = y + 2 * (1 - kr) * pr;
  const b = y + 2 * (1 - kb) * pb;
  const g = (y - kr * r - kb * b) / (1 - kr - kb);
  return [clampByte(255 * r), clampByte(255 * g), clampByte(255 * b)];
}

/** R'G'B' of full range to Y'CbCr of limited range, rounded. */
export function toYcbcr([red, green, blue]: Rgb, matrix: ColourMatrix): readonly [y: number, cb: number, cr: number] {
  const [kr, kb] = WEIGHTS[matrix];
  const y = (kr * red + (1 - kr - kb) * green + kb * blue) / 255;
  return [
    Math.round(16 + 219 * y),
    Math.round(128 + (224 * (blue / 255 - y)) / (2 * (1 - kb))),
    Math.round(128 + (224 * (red / 255 - y)) / (2 * (1 - kr))),
  ];
}

/** 256 colours in every form that a format needs. */
export class Palette {
  readonly red = new Uint8Array(256);
  readonly green = new Uint8Array(256);
  readonly blue = new Uint8Array(256);
  readonly y = new Uint8Array(256);
  readonly cb = new Uint8Array(256);
  readonly cr = new Uint8Array(256);
  readonly matrix: ColourMatrix;

  constructor(matrix: ColourMatrix) {
    this.matrix = matrix;
  }

  /** Sets one colour, as it is before the controls. */
  set(index: number, colour: Rgb, settings: ColourSettings): void {
    const rgb = adjust(colour, settings, this.matrix);
    const [y, cb, cr] = toYcbcr(rgb, this.matrix);
    this.red[index] = rgb[0];
    this.green[index] = rgb[1];
    this.blue[index] = rgb[2];
    this.y[index] = y;
    this.cb[index] = cb;
    this.cr[index] = cr;
  }
}
