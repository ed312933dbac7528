// SPDX-License-Identifier: Apache-2.0
/**
 * Decoded frames into buffers: one copy per frame, straight into the target. The copying and the interleaving of UV are
 * swscale's special cases for pictures of equal size, which are exact and twice as fast as typed arrays (0.2 ms for
 * 1080p). Frames that are not 8-bit 4:2:0 are converted first, which costs a second pass.
 */
import type { PictureLayout } from '@paravideo/core';
import { AvError } from './av-error.ts';
import type { Av, AvFrame } from './node-av.ts';

type Scaler = InstanceType<Av['SoftwareScaleContext']>;

/** Copies the pictures of one stream. Holds native memory: dispose it. */
export class PictureCopier implements Disposable {
  readonly #av: Av;
  #copier: { readonly key: string; readonly scaler: Scaler } | undefined;
  #converter: { readonly key: string; readonly scaler: Scaler; readonly frame: AvFrame } | undefined;

  constructor(av: Av) {
    this.#av = av;
  }

  /**
   * Writes the upper left part of `frame` that the layout has room for to `memory`, one entry a buffer, and zeros to
   * all else that belongs to the picture: ends of lines, and lines below the frame, hold nothing of before. Throws `AvError` (call) for a frame that cannot be read or converted, or memory that is too small; nothing else is written then.
   */
  copy(frame: AvFrame, layout: PictureLayout, memory: readonly Uint8Array[]): void {
    const source = this.#planar420(frame);
    const data = source.data;
    const strides = source.linesize;
    const width = Math.min(source.width, layout.width);
    const height = Math.min(source.height, layout.height);
    const lines = [height, Math.ceil(height / 2), Math.ceil(height / 2)];
    const bytes = [width, Math.ceil(width / 2), Math.ceil(width / 2)];
    for (let i = 0; i < 3; i += 1) {
      const need = (strides[i] ?? 0) * ((lines[i] ?? 0) - 1) + (bytes[i] ?? 0);
      if ((data?.[i]?.length ?? 0) < need)
        throw new AvError('call', `frame of ${source.width}x${source.height} lacks plane ${i}`);
    }
    const pairs = layout.colours.length === 2;
    const targets: Buffer[] = [];
    const targetStrides: number[] = [];
    for (const [i, plane] of layout.colours.entries()) {
      const length = plane.stride * (lines[i] ?? 0);
      const whole = memory[plane.buffer];
      const row = i > 0 && pairs ? 2 * (bytes[i] ?? 0) : (bytes[i] ?? 0);
      if (whole === undefined || plane.offset + length > whole.length || row > plane.stride) {
        throw new AvError(
          'call',
          `a picture of ${width}x${height} does not fit into buffer ${plane.buffer} of ${whole?.length ?? 0} bytes`,
        );
      }
      targets.push(whole.subarray(plane.offset, plane.offset + length) as Buffer);
      targetStrides.push(plane.stride);
    }
    const scaler = this.#copierFor(width, height, pairs);
    const done = scaler.scaleSync(data as Buffer[], strides.slice(0, 3), 0, height, targets, targetStrides);
    if (done < 0) throw new AvError('call', `a picture of ${width}x${height} could not be copied (${done})`);
    for (const [i, plane] of layout.colours.entries()) {
      const whole = memory[plane.buffer];
      const next = layout.colours[i + 1];
      const end = next?.buffer === plane.buffer ? next.offset : (layout.sizes[plane.buffer] ?? 0);
      const row = i > 0 && pairs ? 2 * (bytes[i] ?? 0) : (bytes[i] ?? 0);
      const written = plane.stride * (lines[i] ?? 0);
      if (whole === undefined || (row === plane.stride && plane.offset + written >= end)) continue;
      zeroRest(whole.subarray(plane.offset, end), plane.stride, row, lines[i] ?? 0);
    }
  }

  [Symbol.dispose](): void {
    this.#copier?.scaler.freeContext();
    this.#converter?.scaler.freeContext();
    this.#converter?.frame.free();
    this.#copier = undefined;
    this.#converter = undefined;
  }

  #copierFor(width: number, height: number, pairs: boolean): Scaler {
    const { AV_PIX_FMT_NV12, AV_PIX_FMT_YUV420P, SWS_POINT } = this.#av.constants;
    const key = `${width}x${height}:${pairs}`;
    if (this.#copier?.key !== key) {
      this.#copier?.scaler.freeContext();
      this.#copier = undefined;
      const scaler = new this.#av.SoftwareScaleContext();
      // Full range and limited range look alike here: both sides are named the same, so that nothing is rescaled.
      scaler.getContext(
        width,
        height,
        AV_PIX_FMT_YUV420P,
        width,
        height,
        pairs ? AV_PIX_FMT_NV12 : AV_PIX_FMT_YUV420P,
        SWS_POINT,
      );
      this.#copier = { key, scaler };
    }
    return this.#copier.scaler;
  }

  /** The frame itself if it is 8-bit planar 4:2:0, else its conversion to that. The numbers' range stays as it is. */
  #planar420(frame: AvFrame): AvFrame {
    const c = this.#av.constants;
    const format = frame.format as typeof c.AV_PIX_FMT_YUV420P;
    if (format === c.AV_PIX_FMT_YUV420P || format === c.AV_PIX_FMT_YUVJ420P) return frame;
    const { width, height } = frame;
    const key = `${width}x${height}:${format}`;
    if (this.#converter?.key !== key) {
      this.#converter?.scaler.freeContext();
      this.#converter?.frame.free();
      this.#converter = undefined;
      const name = this.#av.avGetPixFmtName(format) ?? '';
      // swscale takes these for full range; naming the result full range too leaves the numbers alone.
      const full = name.startsWith('yuvj') || name.startsWith('gray');
      const target = new this.#av.Frame();
      target.alloc();
      target.width = width;
      target.height = height;
      target.format = full ? c.AV_PIX_FMT_YUVJ420P : c.AV_PIX_FMT_YUV420P;
      const allocated = target.getBuffer();
      if (allocated < 0) throw new AvError('call', `no memory for a picture of ${width}x${height} (${allocated})`);
      const scaler = new this.#av.SoftwareScaleContext();
      scaler.getContext(width, height, format, width, height, target.format, c.SWS_BICUBIC);
      this.#converter = { key, scaler, frame: target };
    }
    const { scaler, frame: target } = this.#converter;
    const done = scaler.scaleFrameSync(target, frame);
    if (done < 0) throw new AvError('call', `a picture of ${width}x${height} could not be converted (${done})`);
    return target;
  }
}

/** Zeros what is not among the first `row` bytes of the first `rows` lines. swscale copies whole lines, ends and all, where the lengths agree. */
function zeroRest(plane: Uint8Array, stride: number, row: number, rows: number): void {
  if (row < stride) for (let y = 0; y < rows; y += 1) plane.fill(0, y * stride + row, (y + 1) * stride);
  plane.fill(0, rows * stride);
}
