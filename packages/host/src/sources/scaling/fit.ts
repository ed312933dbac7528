// SPDX-License-Identifier: Apache-2.0
/** How a film is shown in a picture of another shape. */
import type { Fit, PictureSize } from '@paravideo/core';

/** A film's size, and how wide its pixels are for their height. */
export interface FilmShape extends PictureSize {
  /** 1: pixels are squares */
  readonly aspect: number;
}

/** The film is scaled, a rectangle is cut out of that, and placed into the picture. Every number is even, for formats with fewer chroma samples. */
export interface Placement {
  readonly scaled: PictureSize;
  /** corner of the rectangle in the scaled film */
  readonly cut: { readonly left: number; readonly top: number };
  /** corner of the rectangle in the picture */
  readonly at: { readonly left: number; readonly top: number };
  readonly shown: PictureSize;
}

/** Least side of a scaled film: below that swscale has nothing to work on. */
const LEAST = 16;
/** How many times the picture's side a film is scaled to at the most, to cut it off: beyond that it is squeezed. */
const MOST = 4;

/** The placement of a film in a picture, whose sides are even and at least `LEAST`. */
export function placement(film: FilmShape, picture: PictureSize, fit: Fit): Placement {
  const scaled = scaledSize(film, picture, fit);
  const shown = { width: Math.min(scaled.width, picture.width), height: Math.min(scaled.height, picture.height) };
  return {
    scaled,
    shown,
    cut: { left: middle(scaled.width, shown.width), top: middle(scaled.height, shown.height) },
    at: { left: middle(picture.width, shown.width), top: middle(picture.height, shown.height) },
  };
}

function scaledSize({ width, height, aspect }: FilmShape, picture: PictureSize, fit: Fit): PictureSize {
  const across = picture.width / (width * aspect);
  const down = picture.height / height;
  switch (fit) {
    case 'stretch':
      return picture;
    case 'contain':
    case 'cover': {
      const scale = fit === 'contain' ? Math.min(across, down) : Math.max(across, down);
      return { width: side(width * aspect * scale, picture.width), height: side(height * scale, picture.height) };
    }
  }
}

/** An even side; the picture's own where it is nearly that, since sizes that are offered are rounded. */
function side(length: number, whole: number): number {
  if (Math.abs(length - whole) <= Math.max(2, whole / 64)) return whole;
  return Math.min(Math.max(2 * Math.round(length / 2), LEAST), MOST * whole);
}

function middle(whole: number, part: number): number {
  return 2 * Math.floor((whole - part) / 4);
}
