// SPDX-License-Identifier: Apache-2.0
/**
 * A V4L2 node that is elsewhere, handed through whole to one guest. Each session opens it once more: memory-to-memory nodes have any
 * number of users, and a capture or output queue is its first user's, who others hear of by EBUSY, as between programs.
 */
import type { BufferAccess, ByteBudget, HostBuffers, OpenNode } from '../../ports/index.ts';
import { Errno } from '../../wire/index.ts';
import type { BufferBudget } from '../buffers/buffer-planes.ts';
import { DEFAULT_LIMITS, type DeviceLimits } from '../framework/limits.ts';
import type { MediaDevice, MediaSession, SessionEvents } from '../framework/media-device.ts';
import { PROXY_IOCTLS } from './proxy-ioctls.ts';
import { ProxySession } from './proxy-session.ts';

/** What a proxy is made of. */
export interface ProxyDeviceOptions {
  /** what guests see: see `proxiedCaps` */
  readonly deviceCaps: number;
  readonly card: string;
  readonly open: OpenNode;
  readonly buffers: HostBuffers;
  readonly access: BufferAccess;
  /** what the driver's buffers count in, beside the guest's */
  readonly budget?: ByteBudget | undefined;
  readonly limits?: DeviceLimits;
}

/**
 * More sessions than a program opens (v4l2-compliance has a hundred), fewer than descriptors there are; and as many buffers as drivers
 * make.
 */
export const PROXY_LIMITS: DeviceLimits = { ...DEFAULT_LIMITS, sessions: 128, buffersPerQueue: 64 };

/** The device. */
export class ProxyDevice implements MediaDevice, AsyncDisposable {
  readonly deviceCaps: number;
  /** VFL_TYPE_VIDEO: metadata nodes are such, too */
  readonly deviceType = 0;
  readonly card: string;
  readonly #o: ProxyDeviceOptions;
  readonly #limits: DeviceLimits;
  readonly #used: BufferBudget = { bytes: 0 };
  readonly #sessions = new Set<ProxySession>();
  #opening = 0;
  #ended = false;

  constructor(o: ProxyDeviceOptions) {
    this.#o = o;
    this.deviceCaps = o.deviceCaps;
    this.card = o.card;
    this.#limits = o.limits ?? PROXY_LIMITS;
  }

  async open(events: SessionEvents): Promise<MediaSession | number> {
    if (this.#sessions.size + this.#opening >= this.#limits.sessions) return Errno.EMFILE;
    this.#opening += 1;
    try {
      const { open, buffers, access, budget } = this.#o;
      const session = await ProxySession.open(open, {
        buffers,
        access,
        budget,
        limits: this.#limits,
        used: this.#used,
        events,
        ioctls: PROXY_IOCTLS,
        closed: (closed) => this.#sessions.delete(closed),
      });
      if (typeof session === 'number') return session;
      this.#sessions.add(session);
      if (!this.#ended) return session;
      await session.close();
      return Errno.ENODEV;
    } finally {
      this.#opening -= 1;
    }
  }

  /** Closes every session. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#ended = true;
    await Promise.all([...this.#sessions].map((session) => session.close()));
  }
}
