// SPDX-License-Identifier: Apache-2.0
/**
 * A camera: a V4L2 capture device over a `FrameSource`. Format and interval belong to the device; any number of sessions
 * may look, and the one that has buffers owns the stream, as with videobuf2 in the kernel: others get EBUSY from REQBUFS,
 * CREATE_BUFS, QBUF, STREAMON and STREAMOFF, and everybody from S_FMT while there are buffers.
 *
 * While the source is away, S_FMT and STREAMON give ENODEV and the input has no signal. When it comes, goes or brings other frames,
 * sessions that asked for it get V4L2_EVENT_SOURCE_CHANGE: after the buffers of a stream that ended by it.
 */
import { Errno, V4L2_CAP_STREAMING, V4L2_CAP_VIDEO_CAPTURE, V4L2_CAP_VIDEO_CAPTURE_MPLANE } from '../../wire/index.ts';
import type { MediaDevice, MediaSession, SessionEvents } from '../framework/media-device.ts';
import { CAPTURE_IOCTLS } from './capture-ioctls.ts';
import { type CaptureDeviceOptions, CaptureNode } from './capture-node.ts';
import { CaptureSession } from './capture-session.ts';

/** The device. Throws `DeviceError` if the source has no format that the API can carry. */
export class CaptureDevice implements MediaDevice, AsyncDisposable {
  readonly deviceCaps: number;
  /** VFL_TYPE_VIDEO */
  readonly deviceType = 0;
  readonly card: string;
  readonly #node: CaptureNode;
  readonly #watching: Disposable;
  readonly #sessions = new Set<CaptureSession>();

  constructor(o: CaptureDeviceOptions) {
    this.#node = new CaptureNode(o);
    this.card = this.#node.card;
    this.#watching = o.source.watch(() => {
      this.#node.sourceChanged();
      for (const session of [...this.#sessions]) session.sourceChanged();
    });
    this.deviceCaps = (o.planar === 'multi' ? V4L2_CAP_VIDEO_CAPTURE_MPLANE : V4L2_CAP_VIDEO_CAPTURE) | V4L2_CAP_STREAMING;
  }

  /** pixel formats offered, preferred one first */
  get formats(): readonly number[] {
    return this.#node.formats;
  }

  open(events: SessionEvents): MediaSession | number {
    if (this.#sessions.size >= this.#node.limits.sessions) return Errno.EMFILE;
    const session = new CaptureSession(this.#node, CAPTURE_IOCTLS, events, () => this.#sessions.delete(session));
    this.#sessions.add(session);
    return session;
  }

  reset(): void {
    this.#node.reset();
  }

  /** Closes every session and stops listening to the source. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#watching[Symbol.dispose]();
    await Promise.all([...this.#sessions].map((session) => session.close()));
    this.#node.controls[Symbol.dispose]();
  }
}
