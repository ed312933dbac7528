// SPDX-License-Identifier: Apache-2.0
/** What the sessions of an output device share: the sink, the format and interval, and who owns the stream. */
import { type Fraction, nearestInterval } from '../../picture/index.ts';
import type { BufferAccess, Clock, FrameSink, HostBuffers, SinkModes } from '../../ports/index.ts';
import { ControlSet, type QueueFormat } from '../../v4l2/index.ts';
import { V4L2_BUF_TYPE_VIDEO_OUTPUT, V4L2_BUF_TYPE_VIDEO_OUTPUT_MPLANE } from '../../wire/index.ts';
import type { BufferBudget } from '../buffers/buffer-planes.ts';
import type { BufferQueue } from '../buffers/buffer-queue.ts';
import { DEFAULT_LIMITS, type DeviceLimits } from '../framework/limits.ts';
import type { PictureNode } from '../framework/picture-ioctls.ts';
import { negotiateOutput, type OutputPlanarity, outputFormats } from './output-format.ts';

/** What an output device is made of. */
export interface OutputDeviceOptions {
  readonly sink: FrameSink;
  readonly buffers: HostBuffers;
  readonly access: BufferAccess;
  readonly clock: Clock;
  /** default: the name of the sink */
  readonly card?: string;
  readonly limits?: Partial<DeviceLimits>;
  /** `single` (default): VIDEO_OUTPUT; `multi`: VIDEO_OUTPUT_MPLANE, with the formats of several memory planes too */
  readonly planar?: OutputPlanarity;
}

/** The shared part. Throws `DeviceError` if the sink has no format that the API can carry. */
export class OutputNode implements PictureNode {
  readonly card: string;
  /** V4L2_BUF_TYPE_* of its queue */
  readonly type: number;
  readonly sink: FrameSink;
  readonly buffers: HostBuffers;
  readonly access: BufferAccess;
  readonly clock: Clock;
  readonly limits: DeviceLimits;
  readonly controls = new ControlSet([]);
  readonly budget: BufferBudget = { bytes: 0 };
  readonly formats: readonly number[];
  /** a format can be set at any time: what takes the frames comes and goes without the guest */
  readonly present = true;
  format!: QueueFormat;
  interval!: Fraction;
  owner: BufferQueue | undefined;

  constructor(o: OutputDeviceOptions) {
    const planarity = o.planar ?? 'single';
    this.sink = o.sink;
    this.buffers = o.buffers;
    this.access = o.access;
    this.clock = o.clock;
    this.limits = { ...DEFAULT_LIMITS, ...o.limits };
    this.card = o.card ?? o.sink.modes.card;
    this.type = planarity === 'multi' ? V4L2_BUF_TYPE_VIDEO_OUTPUT_MPLANE : V4L2_BUF_TYPE_VIDEO_OUTPUT;
    this.formats = outputFormats(o.sink.modes, planarity);
    this.reset();
  }

  get modes(): SinkModes {
    return this.sink.modes;
  }

  /** Format and interval become what they were at first. */
  reset(): void {
    const { defaultSize, defaultInterval } = this.modes;
    const colorimetry = { colorspace: 0, ycbcrEnc: 0, quantization: 0, xferFunc: 0 };
    this.format = this.negotiate({ fourcc: this.formats[0] ?? 0, ...defaultSize, colorimetry });
    this.interval = this.nearest(defaultInterval);
  }

  /** The format nearest to `asked`. */
  negotiate(asked: Parameters<typeof negotiateOutput>[2]): QueueFormat {
    return negotiateOutput(this.modes, this.formats, asked);
  }

  /** Takes a format; the interval becomes the nearest that goes with it. */
  setFormat(format: QueueFormat): void {
    this.format = format;
    this.interval = this.nearest(this.interval);
  }

  /** The interval nearest to `asked` in the current format. */
  nearest(asked: Fraction): Fraction {
    const { fourcc, width, height } = this.format.layout;
    return nearestInterval(this.modes.intervals(fourcc, width, height), asked);
  }
}
