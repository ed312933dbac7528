// SPDX-License-Identifier: Apache-2.0
/**
 * A camera: a V4L2 capture device over a `FrameSource`. Format and interval belong to the device; any number of sessions
 * may look, and the one that has buffers owns the stream, as with videobuf2 in the kernel: others get EBUSY from REQBUFS,
 * CREATE_BUFS, QBUF, STREAMON and STREAMOFF, and everybody from S_FMT while there are buffers.
 *
 * It has one input or several, each with a source and controls of its own. VIDIOC_S_INPUT chooses one for all sessions, while nobody has
 * buffers; a format that stands at the new input stays, and sessions hear what its controls are.
 *
 * While the source is away, S_FMT and STREAMON give ENODEV and the input has no signal. One that stays there has no signal while its
 * camera is away, and nothing ends. When a source comes, goes, has a signal again or none any more, or brings other frames, sessions that
 * asked for it get V4L2_EVENT_SOURCE_CHANGE: after the buffers of a stream that ended by it.
 */
import { Errno, V4L2_CAP_STREAMING, V4L2_CAP_VIDEO_CAPTURE, V4L2_CAP_VIDEO_CAPTURE_MPLANE } from '../../wire/index.ts';
import type { MediaDevice, MediaSession, SessionEvents } from '../framework/media-device.ts';
import { CAPTURE_IOCTLS } from './capture-ioctls.ts';
import { type CaptureDeviceOptions, CaptureNode } from './capture-node.ts';
import { CaptureSession } from './capture-session.ts';

/** The device. Throws `DeviceError` if there is no source, or one has no format that the API can carry. */
export class CaptureDevice implements MediaDevice, AsyncDisposable {
  readonly deviceCaps: number;
  /** VFL_TYPE_VIDEO */
  readonly deviceType = 0;
  readonly card: string;
  readonly #node: CaptureNode;
  readonly #watching: readonly Disposable[];
  readonly #sessions = new Set<CaptureSession>();

  constructor(o: CaptureDeviceOptions) {
    this.#node = new CaptureNode(o);
    this.card = this.#node.card;
    this.#watching = this.#node.inputs.map((input, index) =>
      input.source.watch(() => {
        this.#node.sourceChanged(input);
        for (const session of [...this.#sessions]) session.inputChanged(index);
      }),
    );
    this.deviceCaps = (o.planar === 'multi' ? V4L2_CAP_VIDEO_CAPTURE_MPLANE : V4L2_CAP_VIDEO_CAPTURE) | V4L2_CAP_STREAMING;
  }

  /** pixel formats offered, preferred one first */
  get formats(): readonly number[] {
    return this.#node.formats;
  }

  open(events: SessionEvents): MediaSession | number {
    if (this.#sessions.size >= this.#node.limits.sessions) return Errno.EMFILE;
    const session = new CaptureSession(this.#node, CAPTURE_IOCTLS, events, {
      closed: () => this.#sessions.delete(session),
      selected: () => {
        for (const each of [...this.#sessions]) each.inputSelected(each === session);
      },
    });
    this.#sessions.add(session);
    return session;
  }

  reset(): void {
    this.#node.reset();
  }

  /** Closes every session and stops listening to the source. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const watching of this.#watching) watching[Symbol.dispose]();
    await Promise.all([...this.#sessions].map((session) => session.close()));
    for (const input of this.#node.inputs) input[Symbol.dispose]();
  }
}
