// SPDX-License-Identifier: Apache-2.0
/**
 * A queue of a proxied node. What videobuf2 does the driver's own does: every ioctl goes there, and its answer comes back. What is done
 * here is about memory: the driver's buffers are its own (V4L2_MEMORY_MMAP), those of the guest a block of the arena or its own pages,
 * with the same index, and data is copied once between the two: before a QBUF to the device, and before an EVT_DQBUF from it.
 */
import type { BufferAccess, ByteBudget, ForeignNode, HostBuffers, NodeBuffer } from '../../ports/index.ts';
import { storedBytes } from '../../ports/index.ts';
import {
  Errno,
  V4L2_BUF_CAP_SUPPORTS_MAX_NUM_BUFFERS,
  V4L2_BUF_CAP_SUPPORTS_MMAP,
  V4L2_BUF_CAP_SUPPORTS_ORPHANED_BUFS,
  V4L2_BUF_CAP_SUPPORTS_USERPTR,
  V4L2_BUF_FLAG_REQUEST_FD,
  V4L2_MEMORY_MMAP,
  V4L2_MEMORY_USERPTR,
  VIDIOC_CREATE_BUFS,
  VIDIOC_PREPARE_BUF,
  VIDIOC_QBUF,
  VIDIOC_QUERYBUF,
  VIDIOC_REMOVE_BUFS,
  VIDIOC_REQBUFS,
  VIDIOC_STREAMOFF,
  VIDIOC_STREAMON,
  v4l2_buffer,
  v4l2_create_buffers,
  v4l2_remove_buffers,
  v4l2_requestbuffers,
} from '../../wire/index.ts';
import type { BufferBudget } from '../buffers/buffer-planes.ts';
import type { DeviceLimits } from '../framework/limits.ts';
import type { IoctlCall, MappablePlane, SessionEvents } from '../framework/media-device.ts';
import { goesToDevice } from './proxied-types.ts';
import { ProxyBuffer, type ProxyPlane } from './proxy-buffer.ts';
import { answerTo, broughtLengths, eventOf, lostBuffer, requestFor, usedBytes } from './proxy-payload.ts';

/** What a queue is made of. */
export interface ProxyQueueOptions {
  readonly type: number;
  readonly node: ForeignNode;
  readonly events: SessionEvents;
  readonly buffers: HostBuffers;
  readonly access: BufferAccess;
  readonly limits: DeviceLimits;
  /** bytes of the driver's buffers, all sessions of the guest together */
  readonly used: BufferBudget;
  /** what these bytes count in beside */
  readonly budget: ByteBudget | undefined;
}

/** A buffer that the driver is done with, on its way to the guest: they arrive in the order in which they came. */
interface ReturningBuffer {
  readonly buffer: ProxyBuffer;
  readonly told: DataView;
  readonly planes: DataView;
  copied: boolean;
  failed: boolean;
}

/** Of a driver's V4L2_BUF_CAP_*, those that are true of guests' buffers. Requests, DMABUF and cache hints do not travel. */
const CAPS = V4L2_BUF_CAP_SUPPORTS_MAX_NUM_BUFFERS;
const OWN_CAPS = V4L2_BUF_CAP_SUPPORTS_MMAP | V4L2_BUF_CAP_SUPPORTS_USERPTR | V4L2_BUF_CAP_SUPPORTS_ORPHANED_BUFS;
const B = v4l2_buffer.fields;

/** The queue. The ioctl methods change the payload in place and resolve to 0 or an errno. */
export class ProxyQueue {
  readonly type: number;
  readonly #o: ProxyQueueOptions;
  readonly #output: boolean;
  readonly #buffers = new Map<number, ProxyBuffer>();
  /** V4L2_MEMORY_* of the guest's buffers; 0 without any */
  #memory = 0;
  #streaming = false;
  /** no buffer comes back until STREAMOFF */
  #failed = false;
  /** what was begun is over: nothing is told to the guest any more */
  #stopping = false;
  #closed = false;
  readonly #copies = new Set<Promise<unknown>>();
  #returning: ReturningBuffer[] = [];

  constructor(o: ProxyQueueOptions) {
    this.#o = o;
    this.type = o.type;
    this.#output = goesToDevice(o.type);
  }

  /** VIDIOC_REQBUFS */
  async requestBuffers(call: IoctlCall): Promise<number> {
    const f = v4l2_requestbuffers.fields;
    const memory = f.memory.get(call.payload, 0);
    if (!knownMemory(memory)) return Errno.EINVAL;
    // The driver would say so, too, but for that its buffers may not be in use here.
    if (this.#streaming) return Errno.EBUSY;
    await this.settled();
    const payload = new Uint8Array(v4l2_requestbuffers.size);
    const view = new DataView(payload.buffer);
    f.count.set(view, 0, Math.min(f.count.get(call.payload, 0), this.#o.limits.buffersPerQueue));
    f.type.set(view, 0, this.type);
    f.memory.set(view, 0, V4L2_MEMORY_MMAP);
    const answer = await this.#o.node.buffers({ nr: VIDIOC_REQBUFS, payload });
    if (answer.errno !== 0) {
      this.#moved(answer.buffers);
      return answer.errno;
    }
    this.#free([...this.#buffers.keys()]);
    const errno = await this.#adopt(answer.buffers, memory);
    if (errno !== 0) {
      f.count.set(view, 0, 0);
      await this.#o.node.buffers({ nr: VIDIOC_REQBUFS, payload });
      return errno;
    }
    const told = viewOf(answer.payload);
    f.count.set(call.payload, 0, this.#buffers.size);
    f.capabilities.set(call.payload, 0, (f.capabilities.get(told, 0) & CAPS) | OWN_CAPS);
    f.flags.set(call.payload, 0, 0);
    f.reserved.set(call.payload, 0, new Uint8Array(0));
    return 0;
  }

  /** VIDIOC_CREATE_BUFS */
  async createBuffers(call: IoctlCall): Promise<number> {
    const f = v4l2_create_buffers.fields;
    const memory = f.memory.get(call.payload, 0);
    if (!knownMemory(memory) || (this.#memory !== 0 && memory !== this.#memory)) return Errno.EINVAL;
    const max = this.#o.limits.buffersPerQueue;
    const asked = f.count.get(call.payload, 0);
    if (asked > 0 && this.#buffers.size >= max) return Errno.ENOBUFS;
    const payload = bytesOf(call.payload).slice();
    const view = viewOf(payload);
    f.count.set(view, 0, Math.min(asked, max - this.#buffers.size));
    f.memory.set(view, 0, V4L2_MEMORY_MMAP);
    f.flags.set(view, 0, 0);
    const answer = await this.#o.node.buffers({ nr: VIDIOC_CREATE_BUFS, payload });
    if (answer.errno !== 0) return answer.errno;
    const told = viewOf(answer.payload);
    const errno = await this.#adopt(answer.buffers, memory);
    if (errno !== 0) {
      await this.#remove(f.index.get(told, 0), answer.buffers.length);
      return errno;
    }
    bytesOf(call.payload).set(answer.payload);
    f.memory.set(call.payload, 0, memory);
    f.capabilities.set(call.payload, 0, (f.capabilities.get(told, 0) & CAPS) | OWN_CAPS);
    f.max_num_buffers.set(call.payload, 0, Math.min(f.max_num_buffers.get(told, 0), max));
    f.flags.set(call.payload, 0, 0);
    return 0;
  }

  /** VIDIOC_REMOVE_BUFS */
  async removeBuffers(call: IoctlCall): Promise<number> {
    const f = v4l2_remove_buffers.fields;
    const first = f.index.get(call.payload, 0);
    const count = f.count.get(call.payload, 0);
    if (count > this.#buffers.size) return Errno.EINVAL;
    const doomed = Array.from({ length: count }, (_, i) => first + i);
    if (!doomed.every((index) => this.#buffers.has(index))) return Errno.EINVAL;
    if (doomed.some((index) => this.#buffers.get(index)?.away)) return Errno.EBUSY;
    const errno = await this.#remove(first, count);
    if (errno === 0) this.#free(doomed);
    return errno;
  }

  /** VIDIOC_QUERYBUF */
  async queryBuffer(call: IoctlCall): Promise<number> {
    const buffer = this.#buffers.get(B.index.get(call.payload, 0));
    if (buffer === undefined) return Errno.EINVAL;
    const { planes, ...rest } = requestFor(this.type, call);
    const answer = await this.#o.node.call({ nr: VIDIOC_QUERYBUF, ...rest, planes });
    if (answer.errno === 0) answerTo(call, buffer, this.#memory, viewOf(answer.payload), viewOf(answer.planes));
    return answer.errno;
  }

  /** VIDIOC_QBUF and VIDIOC_PREPARE_BUF */
  async giveBuffer(call: IoctlCall): Promise<number> {
    const buffer = this.#buffers.get(B.index.get(call.payload, 0));
    if (buffer === undefined || B.memory.get(call.payload, 0) !== this.#memory) return Errno.EINVAL;
    if ((B.flags.get(call.payload, 0) & V4L2_BUF_FLAG_REQUEST_FD) !== 0) return Errno.EBADR;
    // The guest cannot have it back yet: that bounds the events that wait by the buffers there are.
    if (buffer.away) return Errno.EINVAL;
    if (this.#failed) return Errno.EIO;
    const before = buffer.state;
    // What PREPARE_BUF has brought stays; what is queued is not touched, and the driver says what is wrong with that.
    const fresh = before === 'free';
    if (fresh && !this.#takeMemory(buffer, call)) return Errno.EINVAL;
    const { payload, planes } = requestFor(this.type, call);
    if (fresh && this.#output && !(await this.#copyIn(buffer, payload, planes))) return Errno.EFAULT;
    // Its end may be told before this function goes on.
    if (fresh || before === 'prepared') buffer.state = call.nr === VIDIOC_QBUF ? 'queued' : 'prepared';
    const answer = await this.#o.node.call({ nr: call.nr === VIDIOC_QBUF ? VIDIOC_QBUF : VIDIOC_PREPARE_BUF, payload, planes });
    if (answer.errno !== 0) {
      buffer.state = before;
      return answer.errno;
    }
    answerTo(call, buffer, this.#memory, viewOf(answer.payload), viewOf(answer.planes));
    return 0;
  }

  /** VIDIOC_STREAMON */
  async streamOn(): Promise<number> {
    const { errno } = await this.#o.node.call({ nr: VIDIOC_STREAMON, payload: numberBytes(this.type) });
    if (errno === 0) this.#streaming = true;
    return errno;
  }

  /** VIDIOC_STREAMOFF: when it is answered nothing reads or writes the memory of buffers. */
  async streamOff(): Promise<number> {
    const { errno } = await this.#o.node.call({ nr: VIDIOC_STREAMOFF, payload: numberBytes(this.type) });
    if (errno === 0) await this.cancel();
    return errno;
  }

  /** The queue does not stream any more, and its buffers are the guest's, without events. */
  async cancel(): Promise<void> {
    this.#stopping = true;
    await this.settled();
    this.#returning = [];
    for (const buffer of this.#buffers.values()) {
      buffer.state = 'free';
      buffer.ticket?.withdraw();
    }
    this.#stopping = false;
    this.#streaming = false;
    this.#failed = false;
  }

  /** The driver is done with a buffer. */
  done(told: DataView, planes: DataView): void {
    const buffer = this.#buffers.get(B.index.get(told, 0));
    if (buffer?.state !== 'queued' || this.#closed) return;
    const used = usedBytes(this.type, buffer.planes.length, told, planes);
    // What does not fit is cut off, and nobody should take the rest for a whole picture.
    const failed = buffer.planes.some(({ length }, i) => (used[i] ?? 0) > length);
    const from = this.#output ? [] : buffer.stored(used);
    const copied = from.every((plane) => storedBytes(plane) === 0);
    const returning: ReturningBuffer = { buffer, told, planes, copied, failed };
    buffer.state = 'returning';
    this.#returning.push(returning);
    if (copied) return this.#deliver();
    this.#during(
      this.#o.access.store(from, buffer.memory).then((done) => {
        returning.copied = true;
        returning.failed ||= !done;
        this.#deliver();
      }),
    );
  }

  /** No buffer comes back until STREAMOFF: those that are queued do now, with the error flag. */
  fail(): void {
    if (!this.#streaming || this.#failed) return;
    this.#failed = true;
    for (const buffer of this.#buffers.values()) {
      if (buffer.state !== 'queued') continue;
      const lost = lostBuffer(this.type, buffer.index, buffer.planes.length);
      this.done(lost.buffer, lost.planes);
    }
  }

  /** The plane whose `mem_offset` is `offset`. */
  plane(offset: number): MappablePlane | undefined {
    for (const { planes } of this.#buffers.values()) {
      for (const { block, length } of planes) if (block?.offset === offset) return { block, length };
    }
    return undefined;
  }

  /** True while no buffer can be queued, since none would come back. */
  get broken(): boolean {
    return this.#failed;
  }

  /** Resolves when no copy is under way. */
  async settled(): Promise<void> {
    while (this.#copies.size > 0) await Promise.allSettled(this.#copies);
  }

  /** The end: resolves when nothing touches memory of the guest. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.cancel();
  }

  /** Frees every buffer on this side. */
  release(): void {
    this.#free([...this.#buffers.keys()]);
  }

  /** Takes what a SHARED_PAGES buffer brings. False if that is not enough. */
  #takeMemory(buffer: ProxyBuffer, call: IoctlCall): boolean {
    if (this.#memory !== V4L2_MEMORY_USERPTR) return true;
    const lengths = broughtLengths(this.type, call);
    const fits = buffer.planes.every(({ needed }, i) => {
      const length = lengths[i] ?? 0;
      const covered = (call.lists[i] ?? []).reduce((sum, range) => sum + range.length, 0);
      return length >= needed && length <= this.#o.limits.planeBytes && covered >= length;
    });
    if (!fits) return false;
    for (const [i, plane] of buffer.planes.entries()) {
      plane.length = lengths[i] ?? 0;
      plane.ranges = call.lists[i] ?? [];
    }
    return true;
  }

  async #copyIn(buffer: ProxyBuffer, payload: Uint8Array, planes: Uint8Array): Promise<boolean> {
    const used = usedBytes(this.type, buffer.planes.length, viewOf(payload), viewOf(planes));
    // Nothing said means all of it; more than there is the driver refuses.
    const to = buffer.stored(used.map((bytes, i) => (bytes === 0 ? (buffer.planes[i]?.needed ?? 0) : bytes)));
    const parts = buffer.memory.map((memory) => ({ memory, offset: 0 }));
    return this.#during(this.#o.access.fetch(parts, to));
  }

  #deliver(): void {
    for (let next = this.#returning[0]; next?.copied === true; next = this.#returning[0]) {
      this.#returning.shift();
      if (this.#stopping || this.#closed) continue;
      const { buffer, told, planes, failed } = next;
      const event = eventOf(buffer, this.#memory, told, planes, failed);
      buffer.state = 'free';
      buffer.ticket = this.#o.events.dequeue(event.view, event.planes);
    }
  }

  /** Makes the guest's side of buffers that the driver has made: all of them, or an errno. */
  async #adopt(made: readonly NodeBuffer[], memory: number): Promise<number> {
    const { used, limits, budget } = this.#o;
    const bytes = made.reduce((sum, { planes }) => sum + planes.reduce((all, plane) => all + storedBytes(plane), 0), 0);
    if (this.#closed) return Errno.EIO;
    if (used.bytes + bytes > limits.bufferBytes || budget?.take(bytes) === false) return Errno.ENOMEM;
    used.bytes += bytes;
    const fresh: ProxyBuffer[] = [];
    let errno = 0;
    for (const { index, planes } of made) {
      const own: ProxyPlane[] = [];
      for (const storage of planes) {
        const needed = storedBytes(storage);
        const block = memory === V4L2_MEMORY_MMAP ? await this.#allocate(needed) : undefined;
        if (memory === V4L2_MEMORY_MMAP && block === undefined) errno = Errno.ENOMEM;
        own.push({ storage, needed, length: needed, block, ranges: [] });
      }
      fresh.push(new ProxyBuffer(index, own));
      if (errno !== 0) break;
    }
    if (this.#closed) errno = Errno.EIO;
    if (errno !== 0) {
      for (const { planes } of fresh) for (const { block } of planes) block?.release();
      this.#give(bytes);
      return errno;
    }
    for (const buffer of fresh) this.#buffers.set(buffer.index, buffer);
    if (this.#buffers.size > 0) this.#memory = memory;
    return 0;
  }

  async #allocate(length: number) {
    const { buffers } = this.#o;
    const block = buffers.allocate(length);
    const settled = block === undefined ? buffers.settled() : undefined;
    if (settled === undefined) return block;
    await settled;
    return buffers.allocate(length);
  }

  /** The driver's memory lies elsewhere now. */
  #moved(buffers: readonly NodeBuffer[]): void {
    for (const { index, planes } of buffers) {
      for (const [i, storage] of planes.entries()) {
        const plane = this.#buffers.get(index)?.planes[i];
        if (plane !== undefined) plane.storage = storage;
      }
    }
  }

  async #remove(first: number, count: number): Promise<number> {
    const f = v4l2_remove_buffers.fields;
    const payload = new Uint8Array(v4l2_remove_buffers.size);
    const view = viewOf(payload);
    f.index.set(view, 0, first);
    f.count.set(view, 0, count);
    f.type.set(view, 0, this.type);
    return (await this.#o.node.buffers({ nr: VIDIOC_REMOVE_BUFS, payload })).errno;
  }

  #free(indices: readonly number[]): void {
    let bytes = 0;
    for (const index of indices) {
      const buffer = this.#buffers.get(index);
      if (buffer === undefined) continue;
      buffer.ticket?.withdraw();
      for (const { block, needed } of buffer.planes) {
        bytes += needed;
        block?.release();
      }
      this.#buffers.delete(index);
    }
    this.#give(bytes);
    if (this.#buffers.size === 0) this.#memory = 0;
    if (indices.length > 0) this.#o.events.buffersFreed();
  }

  #give(bytes: number): void {
    this.#o.used.bytes -= bytes;
    this.#o.budget?.give(bytes);
  }

  #during<T>(copy: Promise<T>): Promise<T> {
    this.#copies.add(copy);
    return copy.finally(() => this.#copies.delete(copy));
  }
}

function knownMemory(memory: number): boolean {
  return memory === V4L2_MEMORY_MMAP || memory === V4L2_MEMORY_USERPTR;
}

function numberBytes(value: number): Uint8Array {
  return new Uint8Array(Uint32Array.of(value).buffer);
}

function bytesOf(view: DataView): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
