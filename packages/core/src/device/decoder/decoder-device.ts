// SPDX-License-Identifier: Apache-2.0
import type { Clock, DecoderFactory, HostBuffers } from '../../ports/index.ts';
import { Errno, V4L2_CAP_EXT_PIX_FORMAT, V4L2_CAP_STREAMING, V4L2_CAP_VIDEO_M2M_MPLANE } from '../../wire/index.ts';
import type { BufferBudget } from '../buffers/buffer-planes.ts';
import { DEFAULT_LIMITS, type DeviceLimits } from '../framework/limits.ts';
import type { MediaDevice, MediaSession, SessionEvents } from '../framework/media-device.ts';
import { type OfferedCodec, offeredCodecs } from './decoder-codecs.ts';
import { DECODER_IOCTLS } from './decoder-ioctls.ts';
import { DecoderSession } from './decoder-session.ts';

/** What a decoder device is made of. */
export interface DecoderDeviceOptions {
  readonly factory: DecoderFactory;
  readonly buffers: HostBuffers;
  readonly clock: Clock;
  /** name shown; default "Paravideo decoder" */
  readonly card?: string;
  readonly limits?: Partial<DeviceLimits>;
}

/**
 * A stateful decoder of one guest: a memory-to-memory V4L2 device, each session with a decoder of its own.
 *
 * @see Documentation/userspace-api/media/v4l/dev-decoder.rst
 */
export class DecoderDevice implements MediaDevice {
  readonly deviceCaps = V4L2_CAP_VIDEO_M2M_MPLANE | V4L2_CAP_STREAMING | V4L2_CAP_EXT_PIX_FORMAT;
  readonly deviceType = 0;
  readonly card: string;
  readonly #o: DecoderDeviceOptions;
  readonly #codecs: readonly OfferedCodec[];
  readonly #limits: DeviceLimits;
  readonly #budget: BufferBudget = { bytes: 0 };
  readonly #sessions = new Set<DecoderSession>();

  /** Throws `DeviceError` at the first OPEN if the factory offers no codec that V4L2 has a name for. */
  constructor(options: DecoderDeviceOptions) {
    this.#o = options;
    this.card = options.card ?? 'Paravideo decoder';
    this.#codecs = offeredCodecs(options.factory.capabilities);
    this.#limits = { ...DEFAULT_LIMITS, ...options.limits };
  }

  /** open sessions */
  get sessions(): number {
    return this.#sessions.size;
  }

  open(events: SessionEvents): MediaSession | number {
    if (this.#sessions.size >= this.#limits.sessions) return Errno.EMFILE;
    const { factory, buffers, clock } = this.#o;
    const session = new DecoderSession({
      factory,
      buffers,
      clock,
      events,
      ioctls: DECODER_IOCTLS,
      codecs: this.#codecs,
      limits: this.#limits,
      budget: this.#budget,
      closed: () => this.#sessions.delete(session),
    });
    this.#sessions.add(session);
    return session;
  }

  /** Closes every session. When it resolves no memory of the guest is touched any more. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#sessions].map((session) => session.close()));
  }
}
