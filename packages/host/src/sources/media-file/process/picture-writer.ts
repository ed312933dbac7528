// SPDX-License-Identifier: Apache-2.0
import type { ColourPlane } from '@paravideo/core';
import { AvError } from '../../../av/av-error.ts';
import type { Av, AvFrame } from '../../../av/node-av.ts';

/** What a rendition's pictures are like. `format` is FFmpeg's name, `matrix` its AVCOL_SPC_* number. */
export interface PictureSpec {
  readonly format: string;
  readonly width: number;
  readonly height: number;
  readonly fullRange: boolean;
  readonly matrix: number;
  /** in FFmpeg's order; the slot is their one buffer */
  readonly colours: readonly ColourPlane[];
}

/**
 * Scales and converts frames to one layout. swscale may write behind the end of a line, so it gets a frame of its own, and
 * its rows are copied from there.
 */
export class PictureWriter implements Disposable {
  readonly #spec: PictureSpec;
  readonly #scaler: InstanceType<Av['SoftwareScaleContext']>;
  readonly #frame: AvFrame;
  readonly #interlaced: number;
  readonly #left: AvFrame['chromaLocation'];
  readonly #unsaid: AvFrame['chromaLocation'];

  /** Throws AvError if there is no such format or no memory for it. */
  constructor(av: Av, spec: PictureSpec) {
    this.#spec = spec;
    const frame = new av.Frame();
    frame.alloc();
    frame.width = spec.width;
    frame.height = spec.height;
    frame.format = av.avGetPixFmtFromName(spec.format);
    const c = av.constants;
    frame.colorRange = spec.fullRange ? c.AVCOL_RANGE_JPEG : c.AVCOL_RANGE_MPEG;
    if (spec.fullRange && !spec.format.startsWith('gray')) frame.colorSpace = c.AVCOL_SPC_RGB;
    else frame.colorSpace = spec.matrix as typeof frame.colorSpace;
    const allocated = frame.getBuffer();
    if (allocated < 0) throw new AvError('call', `no memory for ${spec.format} ${spec.width}x${spec.height} (${allocated})`);
    this.#frame = frame;
    this.#interlaced = c.AV_FRAME_FLAG_INTERLACED;
    this.#left = c.AVCHROMA_LOC_LEFT;
    this.#unsaid = c.AVCHROMA_LOC_UNSPECIFIED;
    this.#scaler = new av.SoftwareScaleContext();
    this.#scaler.allocContext();
  }

  /** Writes the picture to `slot`; false if the frame cannot be converted. */
  write(frame: AvFrame, slot: Uint8Array): boolean {
    // swscale refuses to turn interlaced frames into others; as cameras go, two woven fields are a frame.
    frame.flags &= ~this.#interlaced;
    // Colours stay as they are, and so they are announced: swscale would work for seconds at a table that maps one set of
    // primaries to another, each time that a layout is opened.
    this.#frame.colorPrimaries = frame.colorPrimaries;
    this.#frame.colorTrc = frame.colorTrc;
    // Where chroma lies has to be said on both sides: swscale takes what is not said for several different things.
    this.#frame.chromaLocation = this.#left;
    if (frame.chromaLocation === this.#unsaid) frame.chromaLocation = this.#left;
    if (this.#scaler.scaleFrameSync(this.#frame, frame) < 0) return false;
    const data = this.#frame.data;
    const strides = this.#frame.linesize;
    for (const [i, { offset, stride, rows, lineBytes }] of this.#spec.colours.entries()) {
      const from = data?.[i];
      const pitch = strides[i] ?? 0;
      if (from === undefined || pitch < lineBytes) return false;
      for (let y = 0; y < rows; y += 1) slot.set(from.subarray(y * pitch, y * pitch + lineBytes), offset + y * stride);
    }
    return true;
  }

  [Symbol.dispose](): void {
    this.#scaler.freeContext();
    this.#frame.free();
  }
}
