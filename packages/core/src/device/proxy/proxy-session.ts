// SPDX-License-Identifier: Apache-2.0
/**
 * An open file of a guest, and the open node behind it: two files that belong together, so that who owns buffers and who may set what
 * is decided by the driver, among the files of all guests and of this machine's own programs.
 *
 *   open --the device goes--> gone --close--> closed;   open --close--> closed
 */
import type { BufferAccess, ByteBudget, ForeignNode, HostBuffers, NodeEvents, OpenNode } from '../../ports/index.ts';
import {
  Errno,
  VIDIOC_QBUF,
  VIDIOC_REQBUFS,
  VIDIOC_STREAMOFF,
  VIDIOC_UNSUBSCRIBE_EVENT,
  v4l2_requestbuffers,
} from '../../wire/index.ts';
import type { BufferBudget } from '../buffers/buffer-planes.ts';
import { dispatch, type IoctlTable } from '../framework/ioctl-table.ts';
import type { DeviceLimits } from '../framework/limits.ts';
import type { IoctlCall, MappablePlane, MediaSession, SessionEvents } from '../framework/media-device.ts';
import { isProxied } from './proxied-types.ts';
import { proxyControls } from './proxy-controls.ts';
import { ProxyQueue } from './proxy-queue.ts';

/** What the sessions of a proxy share. */
export interface ProxySessionOptions {
  readonly buffers: HostBuffers;
  readonly access: BufferAccess;
  readonly limits: DeviceLimits;
  /** bytes of the driver's buffers of all sessions */
  readonly used: BufferBudget;
  readonly budget: ByteBudget | undefined;
  readonly events: SessionEvents;
  /** what is handed through */
  readonly ioctls: IoctlTable<ProxySession>;
  /** called once, when the session has closed */
  readonly closed: (session: ProxySession) => void;
}

/** See the top of the file. */
export class ProxySession implements MediaSession, NodeEvents {
  readonly #o: ProxySessionOptions;
  readonly #queues = new Map<number, ProxyQueue>();
  #node: ForeignNode | undefined;
  #gone = false;
  #closing: Promise<void> | undefined;

  private constructor(o: ProxySessionOptions) {
    this.#o = o;
  }

  /** Opens the node for a guest. Resolves to an errno if it cannot be had. */
  static async open(open: OpenNode, o: ProxySessionOptions): Promise<ProxySession | number> {
    const session = new ProxySession(o);
    const node = await open(session);
    if (typeof node === 'number') return node;
    session.#node = node;
    return session;
  }

  async ioctl(call: IoctlCall): Promise<number> {
    if (!this.#gone) {
      const errno = await dispatch(this.#o.ioctls, this, call);
      if (!this.#gone || errno === 0 || errno === Errno.ENOTTY) return errno;
    }
    return this.#afterwards(call);
  }

  /** Hands an ioctl through whose struct holds no pointer. */
  async forward(call: IoctlCall): Promise<number> {
    const own = new Uint8Array(call.payload.buffer, call.payload.byteOffset, call.payload.byteLength);
    const { errno, payload } = await this.#open.call({ nr: call.nr, payload: own.slice() });
    if (errno === 0) own.set(payload);
    return errno;
  }

  controls(call: IoctlCall): Promise<number> {
    return proxyControls(this.#open, this.#o.limits, call);
  }

  /** The queue of a V4L2_BUF_TYPE_* that a proxy carries; whether the node has one its driver says. */
  queue(type: number): ProxyQueue {
    let queue = this.#queues.get(type);
    if (queue === undefined) {
      queue = new ProxyQueue({ ...this.#o, type, node: this.#open });
      this.#queues.set(type, queue);
    }
    return queue;
  }

  plane(offset: number): MappablePlane | undefined {
    for (const queue of this.#queues.values()) {
      const plane = queue.plane(offset);
      if (plane !== undefined) return plane;
    }
    return undefined;
  }

  close(): Promise<void> {
    this.#closing ??= this.#end();
    return this.#closing;
  }

  done(buffer: DataView, planes: DataView): void {
    this.#queues.get(buffer.getUint32(4, true))?.done(buffer, planes);
  }

  failed(type: number): void {
    this.#queues.get(type)?.fail();
  }

  event(event: DataView): void {
    if (this.#closing === undefined) this.#o.events.event(event);
  }

  gone(): void {
    this.#gone = true;
    for (const queue of this.#queues.values()) queue.fail();
    // The driver's memory keeps its device from being given up: it is let go when the last copy has ended.
    void Promise.all([...this.#queues.values()].map((queue) => queue.settled())).then(() => this.#node?.close());
  }

  lost(): void {
    if (this.#closing === undefined) this.#o.events.error(Errno.EIO);
  }

  get #open(): ForeignNode {
    if (this.#node === undefined) throw new TypeError('a session is used before its node is open');
    return this.#node;
  }

  /**
   * The device is gone. What a guest gives up it gets back all the same: nothing of it is touched any more, and a driver that could not
   * be sure of that would have to break with the whole session.
   */
  async #afterwards(call: IoctlCall): Promise<number> {
    const type = call.payload.byteLength >= 8 ? v4l2_requestbuffers.fields.type.get(call.payload, 0) : 0;
    switch (call.nr) {
      case VIDIOC_STREAMOFF: {
        const stopped = call.payload.getUint32(0, true);
        if (!isProxied(stopped)) return Errno.EINVAL;
        await this.#queues.get(stopped)?.cancel();
        return 0;
      }
      case VIDIOC_REQBUFS:
        if (v4l2_requestbuffers.fields.count.get(call.payload, 0) !== 0 || !isProxied(type)) return Errno.ENODEV;
        await this.#queues.get(type)?.close();
        this.#queues.get(type)?.release();
        this.#queues.delete(type);
        return 0;
      case VIDIOC_UNSUBSCRIBE_EVENT:
        return 0;
      case VIDIOC_QBUF:
        return this.#queues.get(call.payload.getUint32(4, true))?.broken === true ? Errno.EIO : Errno.ENODEV;
      default:
        return this.#o.ioctls.has(call.nr) ? Errno.ENODEV : Errno.ENOTTY;
    }
  }

  async #end(): Promise<void> {
    const queues = [...this.#queues.values()];
    await Promise.all(queues.map((queue) => queue.close()));
    // Copies that a call under way begins later find the queue closed.
    await this.#node?.close();
    for (const queue of queues) queue.release();
    this.#o.closed(this);
  }
}
