// SPDX-License-Identifier: Apache-2.0
/** What the sessions of a capture device share: the inputs, the format and interval, the controls, and who owns the stream. */
import { type Fraction, hasSize, nearestInterval } from '../../picture/index.ts';
import type { BufferAccess, Clock, FrameSource, HostBuffers, SourceModes } from '../../ports/index.ts';
import type { QueueFormat } from '../../v4l2/index.ts';
import { V4L2_BUF_TYPE_VIDEO_CAPTURE, V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE } from '../../wire/index.ts';
import type { BufferBudget } from '../buffers/buffer-planes.ts';
import type { BufferQueue } from '../buffers/buffer-queue.ts';
import { DeviceError } from '../framework/device-error.ts';
import { DEFAULT_LIMITS, type DeviceLimits } from '../framework/limits.ts';
import type { CaptureControls } from './capture-controls.ts';
import { type CapturePlanarity, negotiate } from './capture-format.ts';
import { type CaptureInput, DeviceInput } from './capture-inputs.ts';

/** What a capture device is made of. */
export interface CaptureDeviceOptions {
  /** what it shows: one source, or several inputs of which a guest chooses one, the first at first */
  readonly source: FrameSource | readonly CaptureInput[];
  readonly buffers: HostBuffers;
  readonly access: BufferAccess;
  readonly clock: Clock;
  /** default: the name of the first source */
  readonly card?: string;
  readonly limits?: Partial<DeviceLimits>;
  /** `single` (default): VIDEO_CAPTURE; `multi`: VIDEO_CAPTURE_MPLANE, with the formats of several memory planes too */
  readonly planar?: CapturePlanarity;
}

/** The shared part. Throws `DeviceError` if there is no source, or one has no format that the API can carry. */
export class CaptureNode {
  readonly card: string;
  /** V4L2_BUF_TYPE_* of its queue */
  readonly type: number;
  readonly inputs: readonly DeviceInput[];
  readonly buffers: HostBuffers;
  readonly access: BufferAccess;
  readonly clock: Clock;
  readonly limits: DeviceLimits;
  readonly budget: BufferBudget = { bytes: 0 };
  format!: QueueFormat;
  interval!: Fraction;
  #input: DeviceInput;
  #owner: BufferQueue | undefined;

  constructor(o: CaptureDeviceOptions) {
    const planarity = o.planar ?? 'single';
    const inputs = inputsOf(o).map((input) => new DeviceInput(input, planarity, o.clock));
    const [first] = inputs;
    if (first === undefined) throw new DeviceError('a camera shows at least one source');
    this.inputs = inputs;
    this.#input = first;
    this.buffers = o.buffers;
    this.access = o.access;
    this.clock = o.clock;
    this.limits = { ...DEFAULT_LIMITS, ...o.limits };
    this.card = o.card ?? first.source.capabilities.card;
    this.type = planarity === 'multi' ? V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE : V4L2_BUF_TYPE_VIDEO_CAPTURE;
    this.#setDefaults();
  }

  /** number of the input that is chosen */
  get input(): number {
    return this.inputs.indexOf(this.#input);
  }

  /** source of the input that is chosen */
  get source(): FrameSource {
    return this.#input.source;
  }

  /** controls of the input that is chosen */
  get controls(): CaptureControls {
    return this.#input.controls;
  }

  /** pixel formats offered, preferred one first */
  get formats(): readonly number[] {
    return this.#input.formats;
  }

  get modes(): SourceModes {
    return this.source.capabilities;
  }

  /** False while no frames can be had of the input that is chosen. */
  get present(): boolean {
    return this.#input.present;
  }

  /** Chooses an input, while nobody has buffers: the format stays, or becomes the nearest that its source brings. */
  select(input: DeviceInput): void {
    this.#input = input;
    if (input.carried) this.#takeNearest();
  }

  /** False if the source does not bring the format any more, which buffers were made for. */
  get formatStands(): boolean {
    const { fourcc, width, height } = this.format.layout;
    return this.formats.includes(fourcc) && hasSize(this.source.capabilities.sizes(fourcc), { width, height });
  }

  /** The queue that has buffers: its session owns the stream. */
  get owner(): BufferQueue | undefined {
    return this.#owner;
  }

  set owner(owner: BufferQueue | undefined) {
    this.#owner = owner;
    this.#settle();
  }

  /** The source of an input came, went, or brings other frames. */
  sourceChanged(input: DeviceInput): void {
    input.sourceChanged();
    if (input === this.#input) this.#settle();
  }

  /**
   * While nobody has buffers of it, a format that the source does not bring any more becomes the nearest that it does, and one that it
   * brings has its present colours.
   */
  #settle(): void {
    if (this.#owner !== undefined || !this.present) return;
    if (!this.formatStands) return this.#takeNearest();
    const { fourcc, width, height } = this.format.layout;
    const { colorimetry } = this.negotiate({ fourcc, width, height, bytesPerLine: 0 });
    this.format = { ...this.format, colorimetry };
  }

  #takeNearest(): void {
    const { fourcc, width, height } = this.format.layout;
    this.setFormat(this.negotiate({ fourcc, width, height, bytesPerLine: 0 }));
  }

  /** Input, format, interval and the controls that this guest set become what they were at first. */
  reset(): void {
    this.#input = this.inputs[0] ?? this.#input;
    this.#setDefaults();
    for (const { controls } of this.inputs) controls.restore();
  }

  #setDefaults(): void {
    if (!this.#input.carried) return;
    const { defaultSize, defaultInterval } = this.source.capabilities;
    this.format = this.negotiate({ fourcc: this.formats[0] ?? 0, ...defaultSize, bytesPerLine: 0 });
    this.interval = this.nearest(defaultInterval);
  }

  /** The format nearest to `asked`. */
  negotiate(asked: Parameters<typeof negotiate>[3]): QueueFormat {
    return negotiate(this.source.capabilities, this.formats, this.limits.planeBytes, asked);
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

/** The inputs of a device; the name of a sole one is the camera's. */
function inputsOf({ source, card }: CaptureDeviceOptions): readonly CaptureInput[] {
  return 'capabilities' in source ? [{ name: card ?? source.capabilities.card, source }] : source;
}
