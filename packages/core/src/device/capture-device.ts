// SPDX-License-Identifier: Apache-2.0
/**
 * A camera: a V4L2 capture device over a `FrameSource`. Format and interval belong to the device; any number of sessions
 * may look, and the one that has buffers owns the stream, as with videobuf2 in the kernel: others get EBUSY from REQBUFS,
 * CREATE_BUFS, QBUF, STREAMON and STREAMOFF, and everybody from S_FMT while there are buffers.
 */
import type { BufferAccess, Clock, Fraction, FrameSource, HostBuffers } from '../ports/index.ts';
import { nearestInterval, type QueueFormat } from '../v4l2/index.ts';
import {
  Errno,
  V4L2_BUF_TYPE_VIDEO_CAPTURE,
  V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE,
  V4L2_CAP_STREAMING,
  V4L2_CAP_VIDEO_CAPTURE,
  V4L2_CAP_VIDEO_CAPTURE_MPLANE,
} from '../wire/index.ts';
import type { BufferBudget } from './buffer-queue.ts';
import { captureControls } from './capture-controls.ts';
import { captureFormats, negotiate, type Planarity } from './capture-format.ts';
import { CaptureSession } from './capture-session.ts';
import { DEFAULT_LIMITS, type DeviceLimits } from './limits.ts';
import type { MediaDevice, MediaSession, SessionEvents } from './media-device.ts';

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
  readonly planar?: Planarity;
}

/** The device. Throws `DeviceError` if the source has no format that the API can carry. */
export class CaptureDevice implements MediaDevice, AsyncDisposable {
  readonly deviceCaps: number;
  /** VFL_TYPE_VIDEO */
  readonly deviceType = 0;
  readonly card: string;
  /** V4L2_BUF_TYPE_* of its queue */
  readonly type: number;
  readonly source: FrameSource;
  readonly buffers: HostBuffers;
  readonly access: BufferAccess;
  readonly clock: Clock;
  readonly limits: DeviceLimits;
  /** pixel formats offered, preferred one first */
  readonly formats: readonly number[];
  readonly controls: ReturnType<typeof captureControls>;
  readonly budget: BufferBudget = { bytes: 0 };
  format: QueueFormat;
  interval: Fraction;
  /** the session that has buffers */
  owner: CaptureSession | undefined;
  readonly #sessions = new Set<CaptureSession>();

  constructor(o: CaptureDeviceOptions) {
    const planarity = o.planar ?? 'single';
    const multi = planarity === 'multi';
    this.source = o.source;
    this.buffers = o.buffers;
    this.access = o.access;
    this.clock = o.clock;
    this.limits = { ...DEFAULT_LIMITS, ...o.limits };
    this.card = o.card ?? o.source.capabilities.card;
    this.deviceCaps = (multi ? V4L2_CAP_VIDEO_CAPTURE_MPLANE : V4L2_CAP_VIDEO_CAPTURE) | V4L2_CAP_STREAMING;
    this.type = multi ? V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE : V4L2_BUF_TYPE_VIDEO_CAPTURE;
    this.formats = captureFormats(o.source.capabilities, planarity);
    const { defaultSize, defaultInterval } = o.source.capabilities;
    this.format = this.negotiate({ fourcc: this.formats[0] ?? 0, ...defaultSize, bytesPerLine: 0 });
    this.interval = this.nearest(defaultInterval);
    this.controls = captureControls(o.source);
  }

  open(events: SessionEvents): MediaSession | number {
    if (this.#sessions.size >= this.limits.sessions) return Errno.EMFILE;
    const session = new CaptureSession(this, events, () => this.#sessions.delete(session));
    this.#sessions.add(session);
    return session;
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

  /** Closes every session and stops listening to the source. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#sessions].map((session) => session.close()));
    this.controls[Symbol.dispose]();
  }
}
