// SPDX-License-Identifier: Apache-2.0
import {
  Errno,
  type Fraction,
  type FrameSource,
  type SourceCapabilities,
  type SourceIntervals,
  type SourceSizes,
} from '@paravideo/core';
import { ConfigError } from './config-error.ts';

/** What a camera of the configuration says of itself, over what its source says. */
export interface SourceDefaults {
  readonly card?: string | undefined;
  readonly size?: { readonly width: number; readonly height: number } | undefined;
  /** frames per second */
  readonly fps?: number | undefined;
  /** `none`: the camera has no controls, so that its guest neither changes nor reads those of others; default `shared` */
  readonly controls?: 'shared' | 'none';
}

/**
 * The same source, started by a guest that asks for nothing special at another size or rate, or under another name.
 * Throws `ConfigError`, with `field` for the reader, if the source cannot do that.
 */
export function withDefaults(source: FrameSource, defaults: SourceDefaults, field: string): FrameSource {
  const own = source.capabilities;
  const preferred = own.formats[0];
  if (preferred === undefined) throw new ConfigError([`${field}.source: the source has no format`]);
  const size = defaults.size ?? own.defaultSize;
  if (!fits(own.sizes(preferred), size)) throw new ConfigError([`${field}.size: the source has no ${size.width}x${size.height}`]);
  const interval = defaults.fps === undefined ? own.defaultInterval : intervalOf(defaults.fps);
  if (!allows(own.intervals(preferred, size.width, size.height), interval)) {
    throw new ConfigError([`${field}.fps: the source has no ${defaults.fps} frames per second at ${size.width}x${size.height}`]);
  }
  const capabilities: SourceCapabilities = {
    card: defaults.card ?? own.card,
    formats: own.formats,
    defaultSize: size,
    defaultInterval: interval,
    colorimetry: own.colorimetry,
    controls: defaults.controls === 'none' ? [] : own.controls,
    sizes: (fourcc) => own.sizes(fourcc),
    intervals: (fourcc, width, height) => own.intervals(fourcc, width, height),
  };
  return {
    capabilities,
    open: (consumer) => source.open(consumer),
    control: (id) => source.control(id),
    setControl: (id, value) => (defaults.controls === 'none' ? Errno.EINVAL : source.setControl(id, value)),
    onControlChange: (listener) => {
      const ids = new Set(capabilities.controls.map((control) => control.id));
      return source.onControlChange((id, value) => {
        if (ids.has(id)) listener(id, value);
      });
    },
  };
}

/** Seconds per frame as a fraction: 29.97 becomes 1001/30000, as broadcast has it. */
export function intervalOf(fps: number): Fraction {
  const ntsc = Math.round(fps * 1.001);
  if (Math.abs((ntsc * 1000) / 1001 - fps) < 0.001 && !Number.isInteger(fps))
    return { numerator: 1001, denominator: ntsc * 1000 };
  return Number.isInteger(fps) ? { numerator: 1, denominator: fps } : { numerator: 1000, denominator: Math.round(fps * 1000) };
}

function fits(sizes: SourceSizes, size: { width: number; height: number }): boolean {
  if (sizes.kind === 'discrete') return sizes.sizes.some((s) => s.width === size.width && s.height === size.height);
  const r = sizes.range;
  const on = (value: number, min: number, max: number, step: number) =>
    value >= min && value <= max && (step <= 1 || (value - min) % step === 0);
  return on(size.width, r.minWidth, r.maxWidth, r.stepWidth) && on(size.height, r.minHeight, r.maxHeight, r.stepHeight);
}

function allows(intervals: SourceIntervals, interval: Fraction): boolean {
  const compare = (a: Fraction, b: Fraction) => a.numerator * b.denominator - b.numerator * a.denominator;
  if (intervals.kind === 'continuous') return compare(intervals.min, interval) <= 0 && compare(interval, intervals.max) <= 0;
  return intervals.intervals.some((known) => compare(known, interval) === 0);
}
