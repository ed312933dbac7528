// SPDX-License-Identifier: Apache-2.0
/** Negotiates a camera's format: the nearest that the source supports, and the same again when that one is asked for. */
import { formatInfo, nearestSize, type PictureLayout, pictureLayout, validColorimetry } from '../../picture/index.ts';
import type { SourceModes } from '../../ports/index.ts';
import type { QueueFormat, RequestedFormat } from '../../v4l2/index.ts';
import { V4L2_FIELD_NONE } from '../../wire/index.ts';
import { DeviceError } from '../framework/device-error.ts';

/** Which API a capture device speaks. */
export type CapturePlanarity = 'single' | 'multi';

/** Pixel formats of the source that the API can carry: formats with several memory planes only in the multi-planar one. */
export function captureFormats(source: SourceModes, planarity: CapturePlanarity): readonly number[] {
  return source.formats.filter((fourcc) => {
    const info = formatInfo(fourcc);
    return info !== undefined && (planarity === 'multi' || info.memoryPlanes === 1);
  });
}

/** The nearest format to `asked`. `planeBytes` bounds every plane: a longer line that would pass it is not granted. */
export function negotiate(
  source: SourceModes,
  formats: readonly number[],
  planeBytes: number,
  asked: Pick<RequestedFormat, 'fourcc' | 'width' | 'height' | 'bytesPerLine'>,
): QueueFormat {
  const fourcc = formats.includes(asked.fourcc) ? asked.fourcc : formats[0];
  if (fourcc === undefined) throw new DeviceError(`source "${source.card}" has no format that this API can carry`);
  const { width, height } = nearestSize(source.sizes(fourcc), asked);
  const natural = pictureLayout(fourcc, width, height);
  const wished = pictureLayout(fourcc, width, height, asked.bytesPerLine);
  const layout = wished !== undefined && fits(wished, planeBytes) ? wished : natural;
  if (layout === undefined) throw new DeviceError(`source "${source.card}" offers ${width}x${height}, which no picture can have`);
  const colours = source.otherColours?.get(fourcc) ?? source.colorimetry;
  return { layout, field: V4L2_FIELD_NONE, colorimetry: validColorimetry(colours) };
}

function fits(layout: PictureLayout, planeBytes: number): boolean {
  return layout.sizes.every((size) => size <= planeBytes);
}
