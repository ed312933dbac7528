// SPDX-License-Identifier: Apache-2.0
import type { PictureLayout } from '@paravideo/core';
import { AvError } from '../../av/av-error.ts';
import type { Av, AvFrame } from '../../av/node-av.ts';
import { type RawPicture, rawPicture } from '../scaling/raw-pictures.ts';
import type { PictureColours } from './convert-messages.ts';

/** A raw picture of a layout as FFmpeg has it. Holds native memory: dispose it. */
export class InputPicture implements Disposable {
  readonly frame: AvFrame;
  readonly #picture: RawPicture;

  /** Throws `AvError` for a layout that FFmpeg does not know, or without memory. */
  constructor(av: Av, layout: PictureLayout, colours: PictureColours) {
    const picture = rawPicture(layout);
    if (picture === undefined) throw new AvError('call', `pictures of ${layout.fourcc} cannot be read`);
    this.#picture = picture;
    this.frame = inputFrame(av, picture, layout, colours);
  }

  /** Takes the memory planes of a picture. Of one that is short, the rest is as it was before. False if a plane is missing. */
  load(planes: readonly Uint8Array[]): boolean {
    const { data, linesize } = this.frame;
    for (const [i, { buffer, offset, stride, rows, lineBytes }] of this.#picture.colours.entries()) {
      const [source, target] = [planes[buffer], data?.[i]];
      if (source === undefined || target === undefined) return false;
      const pitch = linesize[i] ?? 0;
      for (let y = 0; y < rows; y += 1) {
        const line = offset + y * stride;
        target.set(source.subarray(line, line + lineBytes), y * pitch);
      }
    }
    return true;
  }

  [Symbol.dispose](): void {
    this.frame.free();
  }
}

function inputFrame(
  av: Av,
  { name, fullRange: isRgb }: RawPicture,
  { width, height }: PictureLayout,
  { matrix, fullRange }: PictureColours,
): AvFrame {
  const c = av.constants;
  const frame = new av.Frame();
  frame.alloc();
  frame.width = width;
  frame.height = height;
  // What swscale calls grey has full range: it gets luma, beside chroma without colour.
  frame.format = av.avGetPixFmtFromName(name === 'gray' ? 'yuv420p' : name);
  frame.colorRange = isRgb || fullRange ? c.AVCOL_RANGE_JPEG : c.AVCOL_RANGE_MPEG;
  frame.colorSpace = isRgb ? c.AVCOL_SPC_RGB : (matrix as typeof frame.colorSpace);
  frame.chromaLocation = c.AVCHROMA_LOC_LEFT;
  const allocated = frame.getBuffer();
  if (allocated < 0) throw new AvError('call', `no memory for ${name} ${width}x${height} (${allocated})`);
  if (name === 'gray') for (const chroma of frame.data?.slice(1) ?? []) chroma.fill(128);
  return frame;
}
