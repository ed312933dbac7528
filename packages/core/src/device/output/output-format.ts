// SPDX-License-Identifier: Apache-2.0
/** Negotiates an output's format: the nearest that the sink takes, and the same again when that one is asked for. */
import { type Colorimetry, formatInfo, nearestSize, pictureLayout, validColorimetry } from '../../picture/index.ts';
import type { SinkModes } from '../../ports/index.ts';
import type { QueueFormat, RequestedFormat } from '../../v4l2/index.ts';
import { V4L2_COLORSPACE_DEFAULT, V4L2_COLORSPACE_SMPTE170M, V4L2_FIELD_NONE } from '../../wire/index.ts';
import { DeviceError } from '../framework/device-error.ts';

/** Which API an output device speaks. */
export type OutputPlanarity = 'single' | 'multi';

/** Pixel formats of the sink that the API can carry: formats with several memory planes only in the multi-planar one. */
export function outputFormats(sink: SinkModes, planarity: OutputPlanarity): readonly number[] {
  return sink.formats.filter((fourcc) => {
    const info = formatInfo(fourcc);
    return info !== undefined && (planarity === 'multi' || info.memoryPlanes === 1);
  });
}

/** The nearest format to `asked`. Lines have no padding: a program that asks for some is told the length that they have. */
export function negotiateOutput(
  sink: SinkModes,
  formats: readonly number[],
  asked: Pick<RequestedFormat, 'fourcc' | 'width' | 'height' | 'colorimetry'>,
): QueueFormat {
  const fourcc = formats.includes(asked.fourcc) ? asked.fourcc : formats[0];
  if (fourcc === undefined) throw new DeviceError(`output "${sink.card}" has no format that this API can carry`);
  const { width, height } = nearestSize(sink.sizes(fourcc), asked);
  const layout = pictureLayout(fourcc, width, height);
  if (layout === undefined) throw new DeviceError(`output "${sink.card}" offers ${width}x${height}, which no picture can have`);
  return { layout, field: V4L2_FIELD_NONE, colorimetry: playedColorimetry(fourcc, asked.colorimetry) };
}

/** What the program says its colours mean. Of Y'CbCr of which it says nothing, that of Rec. 601 is meant, as players have it. */
function playedColorimetry(fourcc: number, asked: Colorimetry): Colorimetry {
  const silent = asked.colorspace === V4L2_COLORSPACE_DEFAULT && formatInfo(fourcc)?.model === 'yuv';
  return validColorimetry(silent ? { ...asked, colorspace: V4L2_COLORSPACE_SMPTE170M } : asked);
}
