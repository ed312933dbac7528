// SPDX-License-Identifier: Apache-2.0
/**
 * The visible part of a frame that was decoded without cropping. The binding does not show the cropping fields, but it
 * can apply them: to a reference of the frame for the size, and to a picture whose pixels name their place for the corner.
 */
import type { Rect } from '@paravideo/core';
import { AvError } from './av-error.ts';
import type { Av, AvFrame } from './node-av.ts';

/** A picture whose pixels name their places, as far as a corner may be moved in it. */
interface MarkedPicture {
  readonly key: string;
  readonly frame: AvFrame;
}

/** Finds visible rectangles. Holds native memory: dispose it. */
export class CropFinder implements Disposable {
  readonly #av: Av;
  readonly #scratch: AvFrame;
  #marked: MarkedPicture | undefined;

  constructor(av: Av) {
    this.#av = av;
    this.#scratch = new av.Frame();
    this.#scratch.alloc();
  }

  /** The part of `frame` that is to be shown. A frame without valid cropping is shown whole. */
  visible(frame: AvFrame): Rect {
    const { width, height } = frame;
    const size = this.#cropped(frame, frame, () => ({}));
    if (size === undefined || (size.width === width && size.height === height)) return { left: 0, top: 0, width, height };
    // The corner may move while the size stays: each frame is asked.
    const marked = this.#markedFor(frame, width - size.width, height - size.height);
    const corner = this.#cropped(marked, frame, (cropped) => {
      const place = cropped.data?.[0]?.readUInt32LE(0) ?? 0;
      return { left: place & 0xffff, top: place >>> 16 };
    });
    return { left: corner?.left ?? 0, top: corner?.top ?? 0, width: size.width, height: size.height };
  }

  [Symbol.dispose](): void {
    this.#scratch.free();
    this.#marked?.frame.free();
    this.#marked = undefined;
  }

  /** `pixels` with the cropping of `frame`: its size, and what `read` finds in it; undefined if that is not valid. */
  #cropped<T>(
    pixels: AvFrame,
    frame: AvFrame,
    read: (cropped: AvFrame) => T,
  ): (T & { width: number; height: number }) | undefined {
    const scratch = this.#scratch;
    scratch.unref();
    try {
      if (scratch.ref(pixels) < 0) return undefined;
      if (pixels !== frame) scratch.copyProps(frame);
      if (scratch.applyCropping(this.#av.constants.AV_FRAME_CROP_UNALIGNED) < 0) return undefined;
      return { ...read(scratch), width: scratch.width, height: scratch.height };
    } finally {
      scratch.unref();
    }
  }

  /** A marked picture of the size of `frame`, for corners up to (`right`, `bottom`). */
  #markedFor(frame: AvFrame, right: number, bottom: number): AvFrame {
    const key = `${frame.width}x${frame.height}:${right}x${bottom}`;
    if (this.#marked?.key === key) return this.#marked.frame;
    this.#marked?.frame.free();
    this.#marked = undefined;
    const marked = new this.#av.Frame();
    marked.alloc();
    this.#marked = { key, frame: marked };
    marked.width = frame.width;
    marked.height = frame.height;
    marked.format = this.#av.constants.AV_PIX_FMT_RGBA;
    const allocated = marked.getBuffer();
    const pixels = allocated < 0 ? undefined : marked.data?.[0];
    if (pixels === undefined) throw new AvError('call', `no memory to look for the cropping of ${frame.width}x${frame.height}`);
    const stride = marked.linesize[0] ?? 0;
    for (let y = 0; y <= bottom && y < frame.height; y += 1) {
      for (let x = 0; x <= right && x < frame.width; x += 1) pixels.writeUInt32LE(x + y * 0x10000, y * stride + 4 * x);
    }
    return marked;
  }
}
