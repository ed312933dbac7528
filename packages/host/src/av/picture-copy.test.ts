// SPDX-License-Identifier: Apache-2.0
import { formatInfo, type PictureLayout, pictureLayout } from '@paravideo/core';
import { describe, expect, it } from 'vitest';
import { type Av, AvError, CropFinder, DECODED_FORMATS, loadAv, PictureCopier } from './index.ts';

const av = await loadAv();

/** A frame of noise, with the strides that the library chooses. */
function noise(width: number, height: number, format = av.constants.AV_PIX_FMT_YUV420P): InstanceType<Av['Frame']> {
  const frame = new av.Frame();
  frame.alloc();
  frame.width = width;
  frame.height = height;
  frame.format = format;
  frame.getBuffer();
  for (const [i, plane] of (frame.data ?? []).entries())
    for (let at = 0; at < plane.length; at += 1) plane[at] = (at * 7 + (at >> 7) * 13 + i * 29) & 0xff;
  return frame;
}

/** Pixel by pixel, with zeros around. */
function naive(frame: InstanceType<Av['Frame']>, layout: PictureLayout): Uint8Array[] {
  const memory = layout.sizes.map((size) => new Uint8Array(size));
  const at = (plane: number, x: number, y: number): number => frame.data?.[plane]?.[y * (frame.linesize[plane] ?? 0) + x] ?? 0;
  for (let y = 0; y < frame.height; y += 1) {
    for (let x = 0; x < frame.width; x += 1) {
      const luma = layout.colours[0];
      if (luma !== undefined) (memory[luma.buffer] as Uint8Array)[luma.offset + y * luma.stride + x] = at(0, x, y);
      if (x % 2 === 1 || y % 2 === 1) continue;
      for (const part of [1, 2]) {
        const pairs = layout.colours.length === 2;
        const plane = layout.colours[pairs ? 1 : part];
        if (plane === undefined) continue;
        const column = pairs ? x + part - 1 : x / 2;
        (memory[plane.buffer] as Uint8Array)[plane.offset + (y / 2) * plane.stride + column] = at(part, x / 2, y / 2);
      }
    }
  }
  return memory;
}

/** Only the pixels, without the ends of lines. */
function pixels(memory: readonly Uint8Array[], layout: PictureLayout, width: number, height: number): Buffer[] {
  return layout.colours.map(({ buffer: index, offset, stride }, i) => {
    const rows = i === 0 ? height : Math.ceil(height / 2);
    const bytes = i === 0 ? width : Math.ceil(width / 2) * (layout.colours.length === 2 ? 2 : 1);
    return Buffer.concat(
      Array.from({ length: rows }, (_, y) =>
        (memory[index] as Uint8Array).subarray(offset + y * stride, offset + y * stride + bytes),
      ),
    );
  });
}

describe('the copying of pictures', () => {
  it.each(DECODED_FORMATS.map((fourcc) => [formatInfo(fourcc)?.description, fourcc] as const))(
    'to %s is that of a naive loop, for odd sizes and long lines',
    (_, fourcc) => {
      using copier = new PictureCopier(av);
      for (const [width, height] of [
        [16, 16],
        [1, 1],
        [175, 143],
        [33, 2],
        [64, 17],
        [1432, 88],
      ] as const) {
        for (const stride of [0, width + 1, width + 61, 2048]) {
          const layout = pictureLayout(fourcc, width, height, stride);
          if (layout === undefined) throw new TypeError(`no layout for ${width}x${height}`);
          const frame = noise(width, height);
          const guard = layout.sizes.map((size) => new Uint8Array(size + 64).fill(0x77));
          copier.copy(
            frame,
            layout,
            guard.map((bytes, i) => bytes.subarray(0, layout.sizes[i])),
          );
          expect(pixels(guard, layout, width, height)).toEqual(pixels(naive(frame, layout), layout, width, height));
          // Nothing behind the picture is touched.
          for (const [i, bytes] of guard.entries())
            expect(bytes.subarray(layout.sizes[i]).every((byte) => byte === 0x77)).toBe(true);
          frame.free();
        }
      }
    },
  );

  it.each(DECODED_FORMATS.map((fourcc) => [formatInfo(fourcc)?.description, fourcc] as const))(
    'to %s leaves no old byte beside or below the picture, and takes none from beside the frame',
    (_, fourcc) => {
      using copier = new PictureCopier(av);
      for (const [width, height] of [
        [1, 1],
        [175, 143],
        [33, 2],
        [1432, 88],
      ] as const) {
        const frame = noise(width, height);
        // Lines as long as the frame's own are copied in one piece.
        for (const stride of [0, width + 61, frame.linesize[0] ?? 0, 2 * (frame.linesize[1] ?? 0)]) {
          for (const more of [0, 1, 14]) {
            const layout = pictureLayout(fourcc, width + more, height + more, stride);
            if (layout === undefined) throw new TypeError(`no layout for ${width}x${height}`);
            const memory = layout.sizes.map((size) => new Uint8Array(size).fill(0xee));
            copier.copy(frame, layout, memory);
            const expected = naive(frame, layout);
            expect(memory.every((bytes, i) => Buffer.compare(bytes, expected[i] as Uint8Array) === 0)).toBe(true);
          }
        }
        frame.free();
      }
    },
  );

  it('leaves the numbers of full-range pictures alone', () => {
    using copier = new PictureCopier(av);
    const layout = pictureLayout(DECODED_FORMATS[0] ?? 0, 32, 32);
    if (layout === undefined) throw new TypeError('no layout');
    const frame = noise(32, 32, av.constants.AV_PIX_FMT_YUVJ420P);
    const memory = layout.sizes.map((size) => new Uint8Array(size));
    copier.copy(frame, layout, memory);
    expect(pixels(memory, layout, 32, 32)).toEqual(pixels(naive(frame, layout), layout, 32, 32));
  });

  it('converts other formats, and leaves the luma of 4:2:2 as it is', () => {
    using copier = new PictureCopier(av);
    const layout = pictureLayout(DECODED_FORMATS[1] ?? 0, 48, 32);
    if (layout === undefined) throw new TypeError('no layout');
    for (const format of [av.constants.AV_PIX_FMT_YUV422P, av.constants.AV_PIX_FMT_YUVJ422P, av.constants.AV_PIX_FMT_GRAY8]) {
      const frame = noise(48, 32, format);
      const memory = layout.sizes.map((size) => new Uint8Array(size));
      copier.copy(frame, layout, memory);
      expect(pixels(memory, layout, 48, 32)[0]).toEqual(pixels(naive(frame, layout), layout, 48, 32)[0]);
    }
  });

  it('writes nothing where there is too little room', () => {
    using copier = new PictureCopier(av);
    const layout = pictureLayout(DECODED_FORMATS[0] ?? 0, 64, 64);
    if (layout === undefined) throw new TypeError('no layout');
    const short = new Uint8Array((layout.sizes[0] ?? 0) - 1);
    expect(() => copier.copy(noise(64, 64), layout, [short])).toThrow(AvError);
    expect(() => copier.copy(noise(64, 64), layout, [])).toThrow(AvError);
    expect(short.every((byte) => byte === 0)).toBe(true);
  });
});

describe('the visible rectangle', () => {
  it('is the whole frame where nothing is cropped', () => {
    using crop = new CropFinder(av);
    expect(crop.visible(noise(64, 48))).toEqual({ left: 0, top: 0, width: 64, height: 48 });
  });
});
