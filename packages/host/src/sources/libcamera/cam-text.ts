// SPDX-License-Identifier: Apache-2.0
/** What `cam`, the program of libcamera, writes about cameras (its `-l`, `-I` and `--list-properties`) and about each frame. */
import {
  type PictureSize,
  V4L2_PIX_FMT_BGR24,
  V4L2_PIX_FMT_GREY,
  V4L2_PIX_FMT_NV12,
  V4L2_PIX_FMT_NV16,
  V4L2_PIX_FMT_NV21,
  V4L2_PIX_FMT_RGB24,
  V4L2_PIX_FMT_RGBX32,
  V4L2_PIX_FMT_UYVY,
  V4L2_PIX_FMT_XBGR32,
  V4L2_PIX_FMT_YUV420,
  V4L2_PIX_FMT_YUV422P,
  V4L2_PIX_FMT_YUYV,
  V4L2_PIX_FMT_YVU420,
} from '@paravideo/core';

/** One line of `cam -l`. */
export interface ListedCamera {
  /** libcamera's own: it stays the same as long as the camera is built in, or plugged in, at the same place */
  readonly id: string;
  /** for people: `Internal front camera`, `'imx219'` */
  readonly name: string;
}

/** Where a camera is, as libcamera and V4L2 number it. */
export const LOCATIONS = ['front', 'back', 'external'] as const;

/** A format of a camera. */
export interface CamFormat {
  /** V4L2 pixel format, a number */
  readonly fourcc: number;
  /** libcamera's name of it */
  readonly name: string;
  readonly sizes: readonly PictureSize[];
}

/** A camera as `cam` describes it. */
export interface CamDescription {
  /** that of its default stream first */
  readonly formats: readonly CamFormat[];
  readonly size: PictureSize | undefined;
  readonly model: string | undefined;
  /** index into LOCATIONS */
  readonly location: number | undefined;
  /** degrees by which the picture has to be turned clockwise to stand upright */
  readonly rotation: number;
}

/** What `cam` says of a frame that it has written. */
export interface CamFrame {
  readonly sequence: number;
  /** microseconds of the camera's clock */
  readonly timestamp: number;
  /** bytes of each of its planes */
  readonly bytes: readonly number[];
}

/** Formats by libcamera's names, which are DRM's: what it calls BGR888 has red in its first byte. */
const FORMATS: ReadonlyMap<string, number> = new Map([
  ['NV12', V4L2_PIX_FMT_NV12],
  ['NV21', V4L2_PIX_FMT_NV21],
  ['NV16', V4L2_PIX_FMT_NV16],
  ['YUV420', V4L2_PIX_FMT_YUV420],
  ['YVU420', V4L2_PIX_FMT_YVU420],
  ['YUV422', V4L2_PIX_FMT_YUV422P],
  ['YUYV', V4L2_PIX_FMT_YUYV],
  ['UYVY', V4L2_PIX_FMT_UYVY],
  ['BGR888', V4L2_PIX_FMT_RGB24],
  ['RGB888', V4L2_PIX_FMT_BGR24],
  ['XRGB8888', V4L2_PIX_FMT_XBGR32],
  ['XBGR8888', V4L2_PIX_FMT_RGBX32],
  ['R8', V4L2_PIX_FMT_GREY],
]);

/** Sizes of a format that are believed; a camera has a few. */
export const MAX_SIZES = 256;
/** Pixels of a side. */
const MAX_SIDE = 8192;

/** The cameras that there are. */
export function listedCameras(text: string): readonly ListedCamera[] {
  return text.split('\n').flatMap((line) => {
    const found = /^\d+: (.*)\(([^()]+)\)$/.exec(line.trim());
    return found?.[2] === undefined ? [] : [{ id: found[2], name: (found[1] ?? '').trim() }];
  });
}

/** The camera that is meant by its id, its name, its model, or the word for where it is. */
export function meantCamera(cameras: readonly ListedCamera[], wanted: string): ListedCamera | undefined {
  const plain = (text: string): string => text.replaceAll("'", '').toLowerCase();
  const word = plain(wanted);
  return (
    cameras.find(({ id }) => id === wanted) ??
    cameras.find(({ name }) => name !== '' && plain(name) === word) ??
    cameras.find(({ name }) => plain(name) === `internal ${word} camera`)
  );
}

/** Formats that V4L2 has no name for here, Bayer patterns among them, are left out. */
export function camDescription(text: string): CamDescription {
  const formats: { fourcc: number; name: string; sizes: PictureSize[] }[] = [];
  let current: (typeof formats)[number] | undefined;
  let first: { size: PictureSize; name: string } | undefined;
  let model: string | undefined;
  let location: number | undefined;
  let rotation = 0;
  for (const line of text.split('\n')) {
    const stream = /^0: (\d+)x(\d+)-(\w+)/.exec(line);
    const format = /^ \* Pixelformat: (\w+)/.exec(line);
    const size = /^ {2}- (\d+)x(\d+)$/.exec(line);
    const property = /^Property: (\w+) = (.*)$/.exec(line);
    if (stream !== null) {
      first ??= { size: { width: Number(stream[1]), height: Number(stream[2]) }, name: stream[3] ?? '' };
    } else if (format !== null) {
      const name = format[1] ?? '';
      const fourcc = FORMATS.get(name);
      current = fourcc === undefined ? undefined : { fourcc, name, sizes: [] };
      if (current !== undefined) formats.push(current);
    } else if (size !== null) {
      const [width, height] = [Number(size[1]), Number(size[2])];
      if (current === undefined || current.sizes.length >= MAX_SIZES || width > MAX_SIDE || height > MAX_SIDE) continue;
      // Chroma is halved: an odd side has no middle.
      if (width >= 16 && height >= 16 && width % 2 === 0 && height % 2 === 0) current.sizes.push({ width, height });
    } else if (property !== null) {
      const [, name, value = ''] = property;
      if (name === 'Model') model = value.trim();
      else if (name === 'Location') location = locationOf(value);
      else if (name === 'Rotation') rotation = degrees(value);
    }
  }
  const usual = first;
  const usable = formats.filter(({ sizes }) => sizes.length > 0);
  const isUsual = (format: CamFormat): boolean => format.name === usual?.name;
  return {
    formats: [...usable.filter(isUsual), ...usable.filter((format) => !isUsual(format))],
    size: usual?.size,
    model,
    location,
    rotation,
  };
}

/** What a line says of a frame; undefined: it says something else. */
export function camFrame(line: string): CamFrame | undefined {
  const found = /^(\d+)\.(\d{6}) \([^)]* fps\) .*seq: (\d+) bytesused: ([\d/]+)/.exec(line);
  if (found === null) return undefined;
  const [, seconds, microseconds, sequence, bytes = ''] = found;
  return {
    sequence: Number(sequence),
    timestamp: Number(seconds) * 1e6 + Number(microseconds),
    bytes: bytes
      .split('/')
      .filter((each) => each !== '')
      .map(Number),
  };
}

/** Newer versions write the name of a location, older ones its number. */
function locationOf(value: string): number | undefined {
  const word = value.trim().toLowerCase();
  const index = LOCATIONS.findIndex(
    (location, number) => word === String(number) || word === `camera${location}` || word === `cameralocation${location}`,
  );
  return index < 0 ? undefined : index;
}

function degrees(value: string): number {
  const number = Number.parseInt(value, 10);
  return Number.isInteger(number) ? ((number % 360) + 360) % 360 : 0;
}
