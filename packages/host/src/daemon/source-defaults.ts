// SPDX-License-Identifier: Apache-2.0
import {
  type Fraction,
  type FrameSource,
  hasInterval,
  hasSize,
  intervalOf,
  listModes,
  NO_CONTROLS,
  type PictureSize,
  type SourceModes,
} from '@paravideo/core';
import type { ControlPolicy } from './camera-controls.ts';
import { ConfigError } from './config-error.ts';

/** What a camera of the configuration says of itself, over what its source says. */
export interface SourceDefaults {
  readonly card?: string | undefined;
  readonly size?: PictureSize | undefined;
  /** frames per second */
  readonly fps?: number | undefined;
  /**
   * what guests may choose from: `list` (default), a list as webcams have it; `ranges`, all that the source can do; or these
   * sizes, the first of which is the default unless `size` or the source's own is among them
   */
  readonly sizes?: 'list' | 'ranges' | readonly PictureSize[] | undefined;
  /** frames per second to choose from, in place of the usual ones; the default in the same way */
  readonly rates?: readonly number[] | undefined;
  /** `none`: the camera has no controls, so that its guest neither changes nor reads those of others */
  readonly controls?: ControlPolicy | undefined;
}

/**
 * The same source, started by a guest that asks for nothing special at another size or rate, or under another name, and with
 * a list of sizes and rates. Throws `ConfigError`, with `field` for the reader, if the source cannot do that. A source that
 * cannot do it any more, since it changed, is shown as it is.
 */
export function withDefaults(source: FrameSource, defaults: SourceDefaults, field: string): FrameSource {
  let own = source.capabilities;
  const dressed = (as: SourceModes): SourceModes => ({
    ...as,
    card: defaults.card ?? own.card,
  });
  let capabilities = dressed(modes(own, defaults, field));
  return {
    get capabilities() {
      if (source.capabilities !== own) {
        own = source.capabilities;
        capabilities = dressed(changedModes(own, defaults, field));
      }
      return capabilities;
    },
    get presence() {
      return source.presence;
    },
    watch: (listener) => source.watch(listener),
    start: (wanted, consumer) => source.start(wanted, consumer),
    controls: defaults.controls === 'none' ? NO_CONTROLS : source.controls,
  };
}

/** Sizes and rates of a source that changed: as the camera is to have them, where it still can. */
function changedModes(own: SourceModes, defaults: SourceDefaults, field: string): SourceModes {
  try {
    return modes(own, defaults, field);
  } catch (error) {
    if (error instanceof ConfigError) return own;
    throw error;
  }
}

/** Sizes and rates as the camera is to have them. */
function modes(own: SourceModes, defaults: SourceDefaults, field: string): SourceModes {
  const preferred = own.formats[0];
  if (preferred === undefined) throw new ConfigError([`${field}.source: the source has no format`]);
  const wanted = typeof defaults.sizes === 'object' ? defaults.sizes : undefined;
  for (const size of wanted ?? []) expectSize(own, preferred, size, `${field}.sizes`);
  const size = defaults.size ?? chosen(wanted, own.defaultSize, sameSize);
  expectSize(own, preferred, size, `${field}.size`);
  const rates = defaults.rates?.map((fps) => ({ fps, interval: intervalOf(fps) }));
  for (const { fps, interval } of rates ?? []) expectRate(own, preferred, size, interval, fps, `${field}.rates`);
  const intervals = rates?.map((rate) => rate.interval);
  const interval = defaults.fps === undefined ? chosen(intervals, own.defaultInterval, sameInterval) : intervalOf(defaults.fps);
  expectRate(own, preferred, size, interval, defaults.fps, `${field}.fps`);
  if (defaults.sizes === 'ranges') return { ...own, defaultSize: size, defaultInterval: interval };
  return listModes(own, { size, interval, sizes: wanted, intervals });
}

/** The source's own default where it is in the list, or there is none; else the first of the list. */
function chosen<T>(list: readonly T[] | undefined, own: T, same: (a: T, b: T) => boolean): T {
  return list?.some((each) => same(each, own)) === false ? (list[0] ?? own) : own;
}

const sameSize = (a: PictureSize, b: PictureSize): boolean => a.width === b.width && a.height === b.height;
const sameInterval = (a: Fraction, b: Fraction): boolean => a.numerator * b.denominator === b.numerator * a.denominator;

function expectSize(own: SourceModes, fourcc: number, size: PictureSize, field: string): void {
  if (!hasSize(own.sizes(fourcc), size)) throw new ConfigError([`${field}: the source has no ${size.width}x${size.height}`]);
}

function expectRate(
  own: SourceModes,
  fourcc: number,
  { width, height }: PictureSize,
  interval: Fraction,
  fps: number | undefined,
  field: string,
): void {
  if (hasInterval(own.intervals(fourcc, width, height), interval)) return;
  const rate = fps ?? interval.denominator / interval.numerator;
  throw new ConfigError([`${field}: the source has no ${rate} frames per second at ${width}x${height}`]);
}
