// SPDX-License-Identifier: Apache-2.0
import type { ColourPlane, Fit, PictureSize } from '@paravideo/core';
import { AvError } from '../../av/av-error.ts';
import type { Av, AvFrame } from '../../av/node-av.ts';
import { type Placement, placement } from './fit.ts';
import { type Orientation, orientationOf, turnPlane } from './orientation.ts';

/** What a rendition's pictures are like. `format` is FFmpeg's name, `matrix` its AVCOL_SPC_* number. */
export interface PictureSpec {
  readonly format: string;
  readonly width: number;
  readonly height: number;
  readonly fullRange: boolean;
  readonly matrix: number;
  readonly fit: Fit;
  /** in FFmpeg's order */
  readonly colours: readonly ColourPlane[];
}

/** Width of a pixel to its height. */
export interface PixelAspect {
  readonly num: number;
  readonly den: number;
}

/** Luma of black in limited range. */
const LIMITED_BLACK = 16;

/** Black of limited range, by FFmpeg's name of the format: the bytes that repeat in each colour plane. What is not here is black where it is 0. */
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
  /** of a film that is to be turned */
  readonly turning: Turning | undefined;
}

/** A film on its way to be turned: scaled as it lies, and as it is shown; both in three planes of a byte for each pixel. */
interface Turning {
  readonly orientation: Orientation;
  readonly lying: AvFrame;
  readonly standing: AvFrame;
}

/**
 * Scales and converts frames to one layout. swscale may write behind the end of a line, so it gets a frame of its own, and
 * its rows are copied from there. It does not turn pictures: one that is to be turned becomes a byte for each pixel and colour first,
 * so that no sample of chroma stands for a pair that is not one any more.
 */
export class PictureWriter implements Disposable {
  readonly #av: Av;
  readonly #spec: PictureSpec;
  readonly #scaler: InstanceType<Av['SoftwareScaleContext']>;
  readonly #converter: InstanceType<Av['SoftwareScaleContext']>;
  #scaled: ScaledFilm | undefined;

  constructor(av: Av, spec: PictureSpec) {
    this.#av = av;
    this.#spec = spec;
    this.#scaler = new av.SoftwareScaleContext();
    this.#scaler.allocContext();
    this.#converter = new av.SoftwareScaleContext();
    this.#converter.allocContext();
  }

  /**
   * Writes the picture to its buffers, upright, as the fit says, with black where the film does not reach; false if the frame cannot be
   * converted. `aspect` is the width of a pixel of the frame, as it lies, to its height. Throws AvError if there is no such format or no memory for it.
   */
  write(frame: AvFrame, buffers: readonly Uint8Array[], aspect: PixelAspect): boolean {
    const c = this.#av.constants;
    const { frame: target, placement, turning } = this.#scaledFor(frame, aspect);
    // swscale refuses to turn interlaced frames into others; as cameras go, two woven fields are a frame.
    frame.flags &= ~c.AV_FRAME_FLAG_INTERLACED;
    // Colours stay as they are, and so they are announced: swscale would work for seconds at a table that maps one set of
    // primaries to another, each time that a layout is opened.
    for (const made of turning === undefined ? [target] : [turning.lying, turning.standing, target]) {
      made.colorPrimaries = frame.colorPrimaries;
      made.colorTrc = frame.colorTrc;
      // Where chroma lies has to be said on both sides: swscale takes what is not said for several different things.
      made.chromaLocation = c.AVCHROMA_LOC_LEFT;
    }
    if (frame.chromaLocation === c.AVCHROMA_LOC_UNSPECIFIED) frame.chromaLocation = c.AVCHROMA_LOC_LEFT;
    const scaled =
      turning === undefined
        ? this.#scaler.scaleFrameSync(target, frame) >= 0
        : this.#scaler.scaleFrameSync(turning.lying, frame) >= 0 &&
          turn(turning) &&
          this.#converter.scaleFrameSync(target, turning.standing) >= 0;
    return scaled && this.#place(target, placement, buffers);
  }

  [Symbol.dispose](): void {
    this.#scaler.freeContext();
    this.#converter.freeContext();
    this.#forget();
  }

  #forget(): void {
    const film = this.#scaled;
    this.#scaled = undefined;
    film?.frame.free();
    film?.turning?.lying.free();
    film?.turning?.standing.free();
  }

  #place(from: AvFrame, { cut, at, shown }: Placement, buffers: readonly Uint8Array[]): boolean {
    const { width, height, colours } = this.#spec;
    const data = from.data;
    const strides = from.linesize;
    for (const [i, { buffer, offset, stride, rows, lineBytes }] of colours.entries()) {
      const source = data?.[i];
      const slot = buffers[buffer];
      const pitch = strides[i] ?? 0;
      const [across, down] = [lineBytes / width, rows / height];
      const bytes = shown.width * across;
      if (source === undefined || slot === undefined || pitch < (cut.left + shown.width) * across) return false;
      const first = at.top * down;
      const end = first + shown.height * down;
      const start = cut.top * down * pitch + cut.left * across;
      const left = at.left * across;
      const black = this.#black(i);
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

  /** The bytes that repeat where a colour plane is black. */
  #black(plane: number): readonly number[] {
    const { format, fullRange } = this.#spec;
    const black = BLACK.get(format)?.[plane] ?? [0];
    return fullRange ? black.map((byte) => (byte === LIMITED_BLACK ? 0 : byte)) : black;
  }

  #scaledFor(frame: AvFrame, aspect: PixelAspect): ScaledFilm {
    const { width, height } = frame;
    const orientation = orientationOf(this.#av, frame);
    const key = `${width}x${height} ${aspect.num}:${aspect.den} ${Object.values(orientation)}`;
    if (this.#scaled?.key === key) return this.#scaled;
    this.#forget();
    const { size, aspect: shown } = uprightShape({ width, height }, aspect, orientation);
    const place = placement({ ...size, aspect: shown.num / shown.den }, this.#spec, this.#spec.fit);
    const turning = this.#turning(place.scaled, orientation);
    // What swscale calls grey has full range; the luma of other pictures has the range that is announced.
    const format = this.#spec.format === 'gray' ? 'yuv420p' : this.#spec.format;
    this.#scaled = { key, frame: this.#newFrame(place.scaled, format), placement: place, turning };
    return this.#scaled;
  }

  #turning(standing: PictureSize, orientation: Orientation): Turning | undefined {
    const { transposed, flipX, flipY } = orientation;
    if (!transposed && !flipX && !flipY) return undefined;
    const { width, height } = standing;
    const format = isRgb(this.#spec.format) ? 'gbrp' : 'yuv444p';
    return {
      orientation,
      lying: this.#newFrame(transposed ? { width: height, height: width } : standing, format),
      standing: this.#newFrame(standing, format),
    };
  }

  #newFrame({ width, height }: PictureSize, format: string): AvFrame {
    const { fullRange, matrix } = this.#spec;
    const c = this.#av.constants;
    const frame = new this.#av.Frame();
    frame.alloc();
    frame.width = width;
    frame.height = height;
    frame.format = this.#av.avGetPixFmtFromName(format);
    frame.colorRange = fullRange ? c.AVCOL_RANGE_JPEG : c.AVCOL_RANGE_MPEG;
    frame.colorSpace = isRgb(format) ? c.AVCOL_SPC_RGB : (matrix as typeof frame.colorSpace);
    const allocated = frame.getBuffer();
    if (allocated < 0) throw new AvError('call', `no memory for ${format} ${width}x${height} (${allocated})`);
    return frame;
  }
}

/** RGB, by FFmpeg's name of the format. */
const isRgb = (format: string): boolean => /^(rgb|bgr|gbr)/.test(format);

/** The size of a film when it is shown upright, and the shape of its pixels then. */
export function uprightShape(
  size: PictureSize,
  aspect: PixelAspect,
  { transposed }: Orientation,
): { readonly size: PictureSize; readonly aspect: PixelAspect } {
  if (!transposed) return { size, aspect };
  return { size: { width: size.height, height: size.width }, aspect: { num: aspect.den, den: aspect.num } };
}

/** Turns the planes; false if one is missing. */
function turn({ orientation, lying, standing }: Turning): boolean {
  const [from, to] = [lying.data, standing.data];
  const { width, height } = standing;
  for (let i = 0; i < 3; i += 1) {
    const [source, target] = [from?.[i], to?.[i]];
    if (source === undefined || target === undefined) return false;
    const plane = { bytes: source, stride: lying.linesize[i] ?? 0 };
    turnPlane(plane, { bytes: target, stride: standing.linesize[i] ?? 0 }, width, height, orientation);
  }
  return true;
}

/** Repeats a pattern of one or two bytes from `from` to `to`. */
function fill(bytes: Uint8Array, from: number, to: number, pattern: readonly number[]): void {
  const [first = 0, second] = pattern;
  bytes.fill(first, from, to);
  if (second !== undefined) for (let i = from + 1; i < to; i += 2) bytes[i] = second;
}
