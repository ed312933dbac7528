// SPDX-License-Identifier: Apache-2.0
/** What a camera offers beside its own frames where there is a converter, and which of its own they are made of. */
import { hasSize, JPEG_COLOURS, type PictureSize, pictureLayout, type SourceSizes } from '../picture/index.ts';
import type { Converter, SourceModes, WantedFrames } from '../ports/index.ts';
import { V4L2_PIX_FMT_MJPEG } from '../wire/index.ts';

/** Short sides of smaller pictures that are offered of a camera with a list of sizes. */
const SHORT_SIDES = [1080, 720, 480, 360, 240, 180, 120] as const;

/** True if these frames are the camera's own. */
export function brings(modes: SourceModes, { layout }: WantedFrames): boolean {
  return modes.formats.includes(layout.fourcc) && hasSize(modes.sizes(layout.fourcc), layout);
}

/** True if one picture is larger than another, and nowhere smaller. */
export function isLarger(one: PictureSize, other: PictureSize): boolean {
  const { width, height } = other;
  return one.width >= width && one.height >= height && one.width * one.height > width * height;
}

/** Formats of a camera out of which others can be made, the camera's preferred one first. */
export function readable(native: SourceModes, converter: Converter): readonly number[] {
  return native.formats.filter((fourcc) => converter.reads.includes(fourcc));
}

/**
 * A camera's own modes and those that are made of them: every format of the converter; and, of a camera with a list of sizes, each of
 * those in each of these formats, and smaller ones of the shape of its default. A camera that can make all of that itself is left alone.
 */
export function convertedModes(native: SourceModes, converter: Converter): SourceModes {
  const [base, ...others] = readable(native, converter);
  if (base === undefined) return native;
  const made = converter.makes.filter((fourcc) => !native.formats.includes(fourcc));
  const lists = [base, ...others].map((fourcc) => native.sizes(fourcc));
  if (made.length === 0 && lists.every(({ kind }) => kind === 'stepwise')) return native;
  const sizes = (fourcc: number): SourceSizes => {
    const isOwn = native.formats.includes(fourcc);
    if (isOwn && !converter.makes.includes(fourcc)) return native.sizes(fourcc);
    const own = native.sizes(isOwn ? fourcc : base);
    return own.kind === 'stepwise' ? own : { kind: 'discrete', sizes: allSizes([...lists, own], native.defaultSize) };
  };
  return {
    ...native,
    formats: [...native.formats, ...made],
    ...(made.includes(V4L2_PIX_FMT_MJPEG) ? { otherColours: new Map([[V4L2_PIX_FMT_MJPEG, JPEG_COLOURS]]) } : {}),
    sizes,
    intervals: (fourcc, width, height) => {
      const from = source(native, converter, fourcc, { width, height });
      return native.intervals(from?.fourcc ?? fourcc, from?.size.width ?? width, from?.size.height ?? height);
    },
  };
}

/** The frames of a camera out of which those that are wanted can be made; undefined if there are none. */
export function conversionBase(native: SourceModes, converter: Converter, wanted: WantedFrames): WantedFrames | undefined {
  const from = source(native, converter, wanted.layout.fourcc, wanted.layout);
  const layout = from === undefined ? undefined : pictureLayout(from.fourcc, from.size.width, from.size.height);
  return layout === undefined ? undefined : { layout, interval: wanted.interval };
}

/** The same format if it can be read, else the preferred one of those that can; in the least size that is no smaller. */
function source(
  native: SourceModes,
  converter: Converter,
  fourcc: number,
  wanted: PictureSize,
): { readonly fourcc: number; readonly size: PictureSize } | undefined {
  const able = readable(native, converter);
  const inOrder = able.includes(fourcc) ? [fourcc, ...able] : able;
  const [first] = inOrder;
  if (first === undefined || !converter.makes.includes(fourcc)) return undefined;
  // The camera's own, coded.
  if (native.formats.includes(fourcc) && !able.includes(fourcc) && hasSize(native.sizes(fourcc), wanted)) return undefined;
  const exact = inOrder.find((each) => hasSize(native.sizes(each), wanted));
  if (exact !== undefined) return { fourcc: exact, size: { width: wanted.width, height: wanted.height } };
  return { fourcc: first, size: leastAbove(native.sizes(first), wanted) };
}

function leastAbove(sizes: SourceSizes, { width, height }: PictureSize): PictureSize {
  if (sizes.kind === 'stepwise') return { width: sizes.range.maxWidth, height: sizes.range.maxHeight };
  const area = (size: PictureSize): number => size.width * size.height;
  const rising = sizes.sizes.toSorted((a, b) => area(a) - area(b));
  return rising.find((size) => size.width >= width && size.height >= height) ?? rising.at(-1) ?? { width, height };
}

function allSizes(lists: readonly SourceSizes[], size: PictureSize): readonly PictureSize[] {
  const short = Math.min(size.width, size.height);
  const scaled = (side: number, to: number): number => 2 * Math.round((side * to) / short / 2);
  const smaller = SHORT_SIDES.filter((to) => to < short).map((to) => ({
    width: scaled(size.width, to),
    height: scaled(size.height, to),
  }));
  const all = [...lists.flatMap((list) => (list.kind === 'discrete' ? list.sizes : [])), ...smaller];
  return [...new Map(all.map((each) => [`${each.width}x${each.height}`, each])).values()];
}
