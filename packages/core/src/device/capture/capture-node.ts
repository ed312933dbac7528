// SPDX-License-Identifier: Apache-2.0
/** What the sessions of a capture device share: the source, the format and interval, the controls, and who owns the stream. */
import { type Fraction, hasSize, nearestInterval } from '../../picture/index.ts';
import type { BufferAccess, Clock, FrameSource, HostBuffers, SourceModes } from '../../ports/index.ts';
import type { QueueFormat } from '../../v4l2/index.ts';
import { V4L2_BUF_TYPE_VIDEO_CAPTURE, V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE } from '../../wire/index.ts';
import type { BufferBudget } from '../buffers/buffer-planes.ts';
import type { BufferQueue } from '../buffers/buffer-queue.ts';
import { DEFAULT_LIMITS, type DeviceLimits } from '../framework/limits.ts';
import { captureControls } from './capture-controls.ts';
import { type CapturePlanarity, captureFormats, negotiate } from './capture-format.ts';

/** What a capture device is made of. */
export interface CaptureDeviceOptions {
  readonly source: FrameSource;
  readonly buffers: HostBuffers;
  readonly access: BufferAccess;
  readonly clock: Clock;
  /** default: the name of the source */
  readonly card?: string;
  readonly limits?: Partial<DeviceLimits>;
  /** `single` (default): VIDEO_CAPTURE; `multi`: VIDEO_CAPTURE_MPLANE, with the formats of several memory planes too */
  readonly planar?: CapturePlanarity;
}

/** The shared part. Throws `DeviceError` if the source has no format that the API can carry. */
export class CaptureNode {
  readonly card: string;
  /** V4L2_BUF_TYPE_* of its queue */
  readonly type: number;
  readonly source: FrameSource;
  readonly buffers: HostBuffers;
  readonly access: BufferAccess;
  readonly clock: Clock;
  readonly limits: DeviceLimits;
  readonly controls: ReturnType<typeof captureControls>;
  readonly budget: BufferBudget = { bytes: 0 };
  format!: QueueFormat;
  interval!: Fraction;
  readonly #planarity: CapturePlanarity;
  #formats: readonly number[];
  /** the source has a format now that the API can carry */
  #carried = true;
  #owner: BufferQueue | undefined;

  constructor(o: CaptureDeviceOptions) {
    const planarity = o.planar ?? 'single';
    this.#planarity = planarity;
    this.source = o.source;
    this.buffers = o.buffers;
    this.access = o.access;
    this.clock = o.clock;
    this.limits = { ...DEFAULT_LIMITS, ...o.limits };
    this.card = o.card ?? o.source.capabilities.card;
    this.type = planarity === 'multi' ? V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE : V4L2_BUF_TYPE_VIDEO_CAPTURE;
    this.#formats = captureFormats(o.source.capabilities, planarity);
    this.controls = captureControls(o.source.controls, o.clock);
    this.#setDefaults();
  }

  /** pixel formats offered, preferred one first */
  get formats(): readonly number[] {
    return this.#formats;
  }

  get modes(): SourceModes {
    return this.source.capabilities;
  }

  /** False while no frames can be had: the source is away, or brings nothing that the API can carry. */
  get present(): boolean {
    return this.#carried && this.source.presence.kind === 'present';
  }

  /** False if the source does not bring the format any more, which buffers were made for. */
  get formatStands(): boolean {
    const { fourcc, width, height } = this.format.layout;
    return this.#formats.includes(fourcc) && hasSize(this.source.capabilities.sizes(fourcc), { width, height });
  }

  /** The queue that has buffers: its session owns the stream. */
  get owner(): BufferQueue | undefined {
    return this.#owner;
  }

  set owner(owner: BufferQueue | undefined) {
    this.#owner = owner;
    this.#settle();
  }

  /** The source came, went, or brings other frames. */
  sourceChanged(): void {
    const formats = captureFormats(this.source.capabilities, this.#planarity);
    this.#carried = formats.length > 0;
    if (this.#carried) this.#formats = formats;
    this.#settle();
  }

  /** While nobody has buffers of it, a format that the source does not bring any more becomes the nearest that it does. */
  #settle(): void {
    if (this.#owner !== undefined || !this.present || this.formatStands) return;
    const { fourcc, width, height } = this.format.layout;
    this.setFormat(this.negotiate({ fourcc, width, height, bytesPerLine: 0 }));
  }

  /** Format, interval and the controls that this guest set become what they were at first. */
  reset(): void {
    this.#setDefaults();
    this.controls.restore();
  }

  #setDefaults(): void {
    if (!this.#carried) return;
    const { defaultSize, defaultInterval } = this.source.capabilities;
    this.format = this.negotiate({ fourcc: this.#formats[0] ?? 0, ...defaultSize, bytesPerLine: 0 });
    this.interval = this.nearest(defaultInterval);
  }

  /** The format nearest to `asked`. */
  negotiate(asked: Parameters<typeof negotiate>[3]): QueueFormat {
    return negotiate(this.source.capabilities, this.#formats, this.limits.planeBytes, asked);
  }

  /** Takes a format; the interval becomes the nearest that goes with it. */
  setFormat(format: QueueFormat): void {
    this.format = format;
    this.interval = this.nearest(this.interval);
  }

  /** The interval nearest to `asked` in the current format. */
  nearest(asked: Fraction): Fraction {
    const { fourcc, width, height } = this.format.layout;
    return nearestInterval(this.source.capabilities.intervals(fourcc, width, height), asked);
  }
}
