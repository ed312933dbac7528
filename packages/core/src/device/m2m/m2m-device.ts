// SPDX-License-Identifier: Apache-2.0
import type { Clock, HostBuffers } from '../../ports/index.ts';
import { Errno, V4L2_CAP_EXT_PIX_FORMAT, V4L2_CAP_STREAMING, V4L2_CAP_VIDEO_M2M_MPLANE } from '../../wire/index.ts';
import { DEFAULT_LIMITS, type DeviceLimits } from '../framework/limits.ts';
import type { MediaDevice, MediaSession, SessionEvents } from '../framework/media-device.ts';
import type { M2mSession, M2mShared } from './m2m-session.ts';

/** What every codec device is made of. */
export interface M2mDeviceOptions {
  readonly buffers: HostBuffers;
  readonly clock: Clock;
  /** name shown */
  readonly card?: string;
  readonly limits?: Partial<DeviceLimits>;
}

/** What a session of a device is made of, beside what is the kind's own. */
export interface M2mOpening extends M2mShared {
  readonly events: SessionEvents;
  readonly closed: () => void;
}

/** A codec of one guest: a memory-to-memory V4L2 device, each session with a codec of its own. */
export class M2mDevice implements MediaDevice, AsyncDisposable {
  readonly deviceCaps = V4L2_CAP_VIDEO_M2M_MPLANE | V4L2_CAP_STREAMING | V4L2_CAP_EXT_PIX_FORMAT;
  /** VFL_TYPE_VIDEO */
  readonly deviceType = 0;
  readonly card: string;
  readonly #shared: M2mShared;
  readonly #open: (opening: M2mOpening) => M2mSession;
  readonly #sessions = new Set<M2mSession>();

  /** `open` makes a session. `card` is shown unless the options name another. */
  constructor(options: M2mDeviceOptions, card: string, open: (opening: M2mOpening) => M2mSession) {
    const { buffers, clock } = options;
    this.card = options.card ?? card;
    this.#shared = { buffers, clock, limits: { ...DEFAULT_LIMITS, ...options.limits }, budget: { bytes: 0 } };
    this.#open = open;
  }

  /** open sessions */
  get sessions(): number {
    return this.#sessions.size;
  }

  open(events: SessionEvents): MediaSession | number {
    if (this.#sessions.size >= this.#shared.limits.sessions) return Errno.EMFILE;
    const session = this.#open({ ...this.#shared, events, closed: () => this.#sessions.delete(session) });
    this.#sessions.add(session);
    return session;
  }

  /** Closes every session. When it resolves no memory of the guest is touched any more. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#sessions].map((session) => session.close()));
  }
}
