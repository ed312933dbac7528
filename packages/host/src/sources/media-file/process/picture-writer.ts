// SPDX-License-Identifier: Apache-2.0
import type { ColourPlane, PictureSize } from '@paravideo/core';
import { AvError } from '../../../av/av-error.ts';
import type { Av, AvFrame } from '../../../av/node-av.ts';
import { type Fit, type Placement, placement } from '../fit.ts';

/** What a rendition's pictures are like. `format` is FFmpeg's name, `matrix` its AVCOL_SPC_* number. */
export interface PictureSpec {
  readonly format: string;
  readonly width: number;
  readonly height: number;
  readonly fullRange: boolean;
  readonly matrix: number;
  readonly fit: Fit;
  /** in FFmpeg's order; the slot is their one buffer */
  readonly colours: readonly ColourPlane[];
}

/** Width of a pixel to its height. */
export interface PixelAspect {
  readonly num: number;
  readonly den: number;
}

/** Black, by FFmpeg's name of the format: the bytes that repeat in each colour plane. What is not here is black where it is 0. */
const BLACK: ReadonlyMap<string, readonly (readonly number[])[]> = new Map([
  ['nv12', [[16], [128]]],
  ['nv21', [[16], [128]]],
  ['yuv420p', [[16], [128], [128]]],
  ['yuyv422', [[16, 128]]],
  ['uyvy422', [[128, 16]]],
  ['gray', [[16]]],
]);

/** The film as it is scaled for now, and where it goes. */
interface ScaledFilm {
  /** what it was made for */
  readonly key: string;
  readonly frame: AvFrame;
  readonly placement: Placement;
}

/**
 * Scales and converts frames to one layout. swscale may write behind the end of a line, so it gets a frame of its own, and
 * its rows are copied from there.
 */
export class PictureWriter implements Disposable {
  readonly #av: Av;
  readonly #spec: PictureSpec;
  readonly #scaler: InstanceType<Av['SoftwareScaleContext']>;
  #scaled: ScaledFilm | undefined;

  constructor(av: Av, spec: PictureSpec) {
    this.#av = av;
    this.#spec = spec;
    this.#scaler = new av.SoftwareScaleContext();
    this.#scaler.allocContext();
  }

  /**
   * Writes the picture to `slot`, as the fit says, with black where the film does not reach; false if the frame cannot be converted.
   * `aspect` is the width of a pixel to its height. Throws AvError if there is no such format or no memory for it.
   */
  write(frame: AvFrame, slot: Uint8Array, aspect: PixelAspect): boolean {
    const c = this.#av.constants;
    const { frame: target, placement } = this.#scaledFor(frame, aspect);
    // swscale refuses to turn interlaced frames into others; as cameras go, two woven fields are a frame.
    frame.flags &= ~c.AV_FRAME_FLAG_INTERLACED;
    // Colours stay as they are, and so they are announced: swscale would work for seconds at a table that maps one set of
    // primaries to another, each time that a layout is opened.
    target.colorPrimaries = frame.colorPrimaries;
    target.colorTrc = frame.colorTrc;
    // Where chroma lies has to be said on both sides: swscale takes what is not said for several different things.
    target.chromaLocation = c.AVCHROMA_LOC_LEFT;
    if (frame.chromaLocation === c.AVCHROMA_LOC_UNSPECIFIED) frame.chromaLocation = c.AVCHROMA_LOC_LEFT;
    if (this.#scaler.scaleFrameSync(target, frame) < 0) return false;
    return this.#place(target, placement, slot);
  }

  [Symbol.dispose](): void {
    this.#scaler.freeContext();
    this.#scaled?.frame.free();
    this.#scaled = undefined;
  }

  #place(from: AvFrame, { cut, at, shown }: Placement, slot: Uint8Array): boolean {
    const { width, height, colours, format } = this.#spec;
    const data = from.data;
    const strides = from.linesize;
    for (const [i, { offset, stride, rows, lineBytes }] of colours.entries()) {
      const source = data?.[i];
      const pitch = strides[i] ?? 0;
      const [across, down] = [lineBytes / width, rows / height];
      const bytes = shown.width * across;
      if (source === undefined || pitch < (cut.left + shown.width) * across) return false;
      const first = at.top * down;
      const end = first + shown.height * down;
      const start = cut.top * down * pitch + cut.left * across;
      const left = at.left * across;
      const black = BLACK.get(format)?.[i] ?? [0];
      for (let y = 0; y < rows; y += 1) {
        const line = offset + y * stride;
        const lineEnd = line + lineBytes;
        if (y < first || y >= end) {
          fill(slot, line, lineEnd, black);
          continue;
        }
        const row = start + (y - first) * pitch;
        if (bytes < lineBytes) {
          fill(slot, line, line + left, black);
          fill(slot, line + left + bytes, lineEnd, black);
        }
        slot.set(source.subarray(row, row + bytes), line + left);
      }
    }
    return true;
  }

  #scaledFor({ width, height }: AvFrame, { num, den }: PixelAspect): ScaledFilm {
    const key = `${width}x${height} ${num}:${den}`;
    if (this.#scaled?.key === key) return this.#scaled;
    this.#scaled?.frame.free();
    this.#scaled = undefined;
    const place = placement({ width, height, aspect: num / den }, this.#spec, this.#spec.fit);
    this.#scaled = { key, frame: this.#newFrame(place.scaled), placement: place };
    return this.#scaled;
  }

  #newFrame({ width, height }: PictureSize): AvFrame {
    const { format, fullRange, matrix } = this.#spec;
    const c = this.#av.constants;
    const frame = new this.#av.Frame();
    frame.alloc();
    frame.width = width;
    frame.height = height;
    frame.format = this.#av.avGetPixFmtFromName(format);
    frame.colorRange = fullRange ? c.AVCOL_RANGE_JPEG : c.AVCOL_RANGE_MPEG;
    if (fullRange && !format.startsWith('gray')) frame.colorSpace = c.AVCOL_SPC_RGB;
    else frame.colorSpace = matrix as typeof frame.colorSpace;
    const allocated = frame.getBuffer();
    if (allocated < 0) throw new AvError('call', `no memory for ${format} ${width}x${height} (${allocated})`);
    return frame;
  }
}

/** Repeats a pattern of one or two bytes from `from` to `to`. */
function fill(bytes: Uint8Array, from: number, to: number, pattern: readonly number[]): void {
  const [first = 0, second] = pattern;
  bytes.fill(first, from, to);
  if (second !== undefined) for (let i = from + 1; i < to; i += 2) bytes[i] = second;
}
