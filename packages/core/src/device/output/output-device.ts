// SPDX-License-Identifier: Apache-2.0
/**
 * A video output: a V4L2 output device over a `FrameSink`. Format and interval belong to the device; any number of sessions may look,
 * and the one that has buffers owns the stream, as with videobuf2 in the kernel.
 *
 * A frame is copied once, out of the guest's buffer, and the buffer goes back when it has been. Timestamps are the device's own
 * (V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC): when the frame was taken. What is still queued at STREAMOFF is not played.
 */
import { Errno, V4L2_CAP_STREAMING, V4L2_CAP_VIDEO_OUTPUT, V4L2_CAP_VIDEO_OUTPUT_MPLANE } from '../../wire/index.ts';
import type { MediaDevice, MediaSession, SessionEvents } from '../framework/media-device.ts';
import { OUTPUT_IOCTLS } from './output-ioctls.ts';
import { type OutputDeviceOptions, OutputNode } from './output-node.ts';
import { OutputSession } from './output-session.ts';

/** The device. Throws `DeviceError` if the sink has no format that the API can carry. */
export class OutputDevice implements MediaDevice, AsyncDisposable {
  readonly deviceCaps: number;
  /** VFL_TYPE_VIDEO */
  readonly deviceType = 0;
  readonly card: string;
  readonly #node: OutputNode;
  readonly #sessions = new Set<OutputSession>();

  constructor(o: OutputDeviceOptions) {
    this.#node = new OutputNode(o);
    this.card = this.#node.card;
    this.deviceCaps = (o.planar === 'multi' ? V4L2_CAP_VIDEO_OUTPUT_MPLANE : V4L2_CAP_VIDEO_OUTPUT) | V4L2_CAP_STREAMING;
  }

  /** pixel formats offered, preferred one first */
  get formats(): readonly number[] {
    return this.#node.formats;
  }

  open(events: SessionEvents): MediaSession | number {
    if (this.#sessions.size >= this.#node.limits.sessions) return Errno.EMFILE;
    const session = new OutputSession(this.#node, OUTPUT_IOCTLS, events, () => this.#sessions.delete(session));
    this.#sessions.add(session);
    return session;
  }

  reset(): void {
    this.#node.reset();
  }

  /** Closes every session. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#sessions].map((session) => session.close()));
  }
}
