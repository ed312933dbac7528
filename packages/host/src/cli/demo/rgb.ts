// SPDX-License-Identifier: Apache-2.0
import { PNG } from 'pngjs';
import type { I420Picture } from './picture.ts';

/** 8-bit RGBA, row after row without padding. */
export interface RgbaImage {
  readonly width: number;
  readonly height: number;
  readonly bytes: Uint8Array;
}

/**
 * Scales an I420 picture to `width` x `height` (box filter, at least one sample a pixel) and converts it from limited range, by its
 * matrix, or else BT.601 (BT.709 from 720 lines up, where video changes it).
 */
export function toRgba(picture: I420Picture, width = picture.width, height = picture.height): RgbaImage {
  const bytes = new Uint8Array(width * height * 4);
  const chromaWidth = (picture.width + 1) >> 1;
  const chromaHeight = (picture.height + 1) >> 1;
  const lumaSize = picture.width * picture.height;
  const y = scale(picture.bytes.subarray(0, lumaSize), picture.width, picture.height, width, height);
  const u = scale(
    picture.bytes.subarray(lumaSize, lumaSize + chromaWidth * chromaHeight),
    chromaWidth,
    chromaHeight,
    width,
    height,
  );
  const v = scale(picture.bytes.subarray(lumaSize + chromaWidth * chromaHeight), chromaWidth, chromaHeight, width, height);
  const matrix = picture.matrix ?? (picture.height >= 720 ? 'rec709' : 'rec601');
  const [kr, kb] = matrix === 'rec709' ? [0.2126, 0.0722] : [0.299, 0.114];
  const kg = 1 - kr - kb;
  for (let i = 0; i < width * height; i++) {
    const luma = ((y[i] ?? 16) - 16) * (255 / 219);
    const blue = ((u[i] ?? 128) - 128) * (255 / 112) * (1 - kb);
    const red = ((v[i] ?? 128) - 128) * (255 / 112) * (1 - kr);
    bytes[i * 4] = clamp(luma + red);
    bytes[i * 4 + 1] = clamp(luma - (red * kr + blue * kb) / kg);
    bytes[i * 4 + 2] = clamp(luma + blue);
    bytes[i * 4 + 3] = 255;
  }
  return { width, height, bytes };
}

/** The file format of an image. */
export function encodePng(image: RgbaImage): Buffer {
  const png = new PNG({ width: image.width, height: image.height });
  png.data = Buffer.from(image.bytes.buffer, image.bytes.byteOffset, image.bytes.length);
  return PNG.sync.write(png);
}

const clamp = (value: number): number => (value < 0 ? 0 : value > 255 ? 255 : Math.round(value));

function scale(from: Uint8Array, fromWidth: number, fromHeight: number, width: number, height: number): Float32Array {
  const out = new Float32Array(width * height);
  for (let row = 0; row < height; row++) {
    const top = Math.floor((row * fromHeight) / height);
    const bottom = Math.max(top + 1, Math.floor(((row + 1) * fromHeight) / height));
    for (let column = 0; column < width; column++) {
      const left = Math.floor((column * fromWidth) / width);
      const right = Math.max(left + 1, Math.floor(((column + 1) * fromWidth) / width));
      let sum = 0;
      for (let y = top; y < bottom; y++) for (let x = left; x < right; x++) sum += from[y * fromWidth + x] ?? 0;
      out[row * width + column] = sum / ((bottom - top) * (right - left));
    }
  }
  return out;
}
