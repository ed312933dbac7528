// SPDX-License-Identifier: Apache-2.0
/**
 * The visible part of a frame that was decoded without cropping. The binding does not show the cropping fields, but it
 * can apply them: to a reference of the frame for the size, and to a picture whose pixels name their place for the corner.
 */
import type { Rect } from '@paravideo/core';
import { AvError } from './av-error.ts';
import type { Av } from './node-av.ts';

type Frame = InstanceType<Av['Frame']>;

/** Finds visible rectangles. Holds native memory: dispose it. */
export class CropFinder implements Disposable {
  readonly #av: Av;
  readonly #scratch: Frame;
  #last: { readonly key: string; readonly rect: Rect } | undefined;

  constructor(av: Av) {
    this.#av = av;
    this.#scratch = new av.Frame();
    this.#scratch.alloc();
  }

  /** The part of `frame` that is to be shown. A frame without valid cropping is shown whole. */
  visible(frame: Frame): Rect {
    const { width, height } = frame;
    const scratch = this.#scratch;
    scratch.unref();
    if (scratch.ref(frame) < 0 || scratch.applyCropping(this.#av.constants.AV_FRAME_CROP_UNALIGNED) < 0) {
      scratch.unref();
      return { left: 0, top: 0, width, height };
    }
    const size = { width: scratch.width, height: scratch.height };
    scratch.unref();
    if (size.width === width && size.height === height) return { left: 0, top: 0, width, height };
    const key = `${width}x${height}:${size.width}x${size.height}`;
    if (this.#last?.key !== key)
      this.#last = { key, rect: { ...this.#corner(frame, width - size.width, height - size.height), ...size } };
    return this.#last.rect;
  }

  [Symbol.dispose](): void {
    this.#scratch.free();
  }

  /** Upper left corner, at most (`right`, `bottom`): found with a 16-bit picture of the same size whose pixels are numbered. */
  #corner(frame: Frame, right: number, bottom: number): { left: number; top: number } {
    const c = this.#av.constants;
    const find = (value: (x: number, y: number) => number): number => {
      const marked = new this.#av.Frame();
      marked.alloc();
      try {
        marked.width = frame.width;
        marked.height = frame.height;
        marked.format = c.AV_PIX_FMT_GRAY16LE;
        const allocated = marked.getBuffer();
        const pixels = allocated < 0 ? undefined : marked.data?.[0];
        if (pixels === undefined)
          throw new AvError('call', `no memory to look for the cropping of ${frame.width}x${frame.height}`);
        const stride = marked.linesize[0] ?? 0;
        for (let y = 0; y <= bottom && y < frame.height; y += 1) {
          for (let x = 0; x <= right && x < frame.width; x += 1) pixels.writeUInt16LE(value(x, y), y * stride + 2 * x);
        }
        marked.copyProps(frame);
        marked.applyCropping(c.AV_FRAME_CROP_UNALIGNED);
        return marked.data?.[0]?.readUInt16LE(0) ?? 0;
      } finally {
        marked.free();
      }
    };
    return { left: find((x) => x), top: find((_, y) => y) };
  }
}
