// SPDX-License-Identifier: Apache-2.0
/**
 * A queue of buffers of one session: what videobuf2 is in the kernel.
 *
 *   empty --REQBUFS, CREATE_BUFS--> allocated --STREAMON--> streaming --STREAMOFF--> allocated --REQBUFS(0)--> empty
 *                                                               \--fail--> failed --STREAMOFF--> allocated
 *
 * The device side sees a `QueueClient`, takes buffers with `take` and gives each back with `done`, which sends exactly one
 * EVT_DQBUF (P8). STREAMOFF first asks the client to stop and waits until it no longer touches any memory.
 */
import { NotIdleError } from '../../base/index.ts';
import {
  Errno,
  isMultiplanar,
  isOutput,
  V4L2_BUF_CAP_SUPPORTS_MAX_NUM_BUFFERS,
  V4L2_BUF_CAP_SUPPORTS_MMAP,
  V4L2_BUF_CAP_SUPPORTS_ORPHANED_BUFS,
  V4L2_BUF_CAP_SUPPORTS_USERPTR,
  V4L2_BUF_FLAG_ERROR,
  V4L2_MEMORY_MMAP,
  V4L2_MEMORY_USERPTR,
  v4l2_buffer,
  v4l2_create_buffers,
  v4l2_plane,
  v4l2_remove_buffers,
  v4l2_requestbuffers,
} from '../../wire/index.ts';
import { DeviceError } from '../framework/device-error.ts';
import type { IoctlCall, MappablePlane, SessionEvents } from '../framework/media-device.ts';
import { checkPlaneRoom, fetchPayload, fetchTime, type TimestampMode, writeBuffer } from './buffer-payload.ts';
import { type BufferSupply, freeBuffer, makeBuffer } from './buffer-planes.ts';
import { type BlockAt, type BufferQueueState, readBufferQueue, saveBuffer, takeBuffers } from './buffer-state.ts';
import { createSizes } from './create-sizes.ts';
import type { V4l2Buffer } from './v4l2-buffer.ts';

/** What the device does with a queue. */
export interface QueueClient {
  /** Bytes of every plane of a buffer in the current format. */
  planeSizes(): readonly number[];
  /** The least number of buffers that REQBUFS makes; 1 if absent. */
  minBuffers?(): number;
  /** Bytes that each plane of an OUTPUT buffer must bring, in the current format; any number will do if absent. QBUF: EINVAL */
  leastPayload?(): readonly number[];
  /** STREAMON. Buffers queued before wait in the queue for `take`. Not 0: the queue does not stream. */
  start(): number | Promise<number>;
  /** A buffer was queued while the queue streams. */
  queued(): void;
  /**
   * STREAMOFF or close of a streaming or failed queue. When it is settled, nothing reads or writes buffer memory any more; `done` during
   * it still sends its event.
   */
  stop(): void | Promise<void>;
}

/** How a buffer ends. What is absent stays as QBUF brought it. */
export interface BufferResult {
  /** bytes with data, per plane; absent: as they were. More than the plane is long: cut, and ERROR is set */
  readonly bytesUsed?: readonly number[];
  /** V4L2_BUF_FLAG_*: ERROR, LAST, KEYFRAME, PFRAME, BFRAME; replaces the flags */
  readonly flags?: number;
  readonly field?: number;
  /** raw `struct timeval` */
  readonly timestamp?: Uint8Array;
  /** raw `struct v4l2_timecode`; goes with V4L2_BUF_FLAG_TIMECODE */
  readonly timecode?: Uint8Array;
  readonly sequence?: number;
}

/** What a queue is made of. */
export interface BufferQueueOptions extends BufferSupply {
  /** V4L2_BUF_TYPE_* of the queue */
  readonly type: number;
  /** `monotonic` for cameras; `copy` for memory-to-memory devices, whose capture buffers carry the timestamps of the output */
  readonly timestamps: TimestampMode;
  readonly client: QueueClient;
  readonly events: SessionEvents;
}

type BufferQueuePhase = 'empty' | 'allocated' | 'starting' | 'streaming' | 'failed' | 'stopping';

const BASE_CAPS = V4L2_BUF_CAP_SUPPORTS_MMAP | V4L2_BUF_CAP_SUPPORTS_USERPTR | V4L2_BUF_CAP_SUPPORTS_ORPHANED_BUFS;

/** The queue. The ioctl methods change the payload in place and return 0 or an errno. */
export class BufferQueue {
  readonly type: number;
  readonly multiplanar: boolean;
  readonly output: boolean;
  readonly #o: BufferQueueOptions;
  #state: BufferQueuePhase = 'empty';
  /** V4L2_MEMORY_* of the buffers; 0 without any */
  #memory = 0;
  readonly #buffers = new Map<number, V4l2Buffer>();
  /** queued, not yet taken, oldest first */
  readonly #waiting: V4l2Buffer[] = [];
  #stopping: Promise<void> | undefined;
  /** true while buffers that were asked for wait for memory */
  #reserving = false;
  /** counts `release` */
  #life = 0;

  constructor(options: BufferQueueOptions) {
    this.#o = options;
    this.type = options.type;
    this.multiplanar = isMultiplanar(options.type);
    this.output = isOutput(options.type);
  }

  /** From STREAMON to STREAMOFF, failed or not. */
  get streaming(): boolean {
    return this.#state === 'streaming' || this.#state === 'failed' || this.#state === 'starting' || this.#state === 'stopping';
  }

  /** Number of buffers; above 0 the format is frozen (S_FMT: EBUSY). */
  get count(): number {
    return this.#buffers.size;
  }

  /** True if it has buffers or is about to: then it is its session's, and nobody else's. */
  get claimed(): boolean {
    return this.#reserving || this.#buffers.size > 0;
  }

  /** Number of buffers that wait for `take`. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** All buffers, by index. */
  get all(): Iterable<V4l2Buffer> {
    return this.#buffers.values();
  }

  /** VIDIOC_REQBUFS */
  requestBuffers(call: IoctlCall): number | Promise<number> {
    const f = v4l2_requestbuffers.fields;
    const view = call.payload;
    const memory = f.memory.get(view, 0);
    f.capabilities.set(view, 0, BASE_CAPS);
    f.flags.set(view, 0, 0);
    f.reserved.set(view, 0, new Uint8Array(3));
    if (f.type.get(view, 0) !== this.type || !knownMemory(memory)) return Errno.EINVAL;
    if (this.streaming) return Errno.EBUSY;
    this.#free([...this.#buffers.keys()]);
    const asked = f.count.get(view, 0);
    if (asked === 0) return 0;
    const least = Math.max(1, this.#o.client.minBuffers?.() ?? 1);
    const wanted = Math.min(Math.max(asked, least), this.#o.limits.buffersPerQueue);
    return this.#allocate(0, wanted, memory, this.#o.client.planeSizes(), (made) => {
      if (made < Math.min(least, wanted)) {
        this.#free([...this.#buffers.keys()]);
        return Errno.ENOMEM;
      }
      f.count.set(view, 0, made);
      return 0;
    });
  }

  /** VIDIOC_CREATE_BUFS; the format in it only says how large the planes shall be. */
  createBuffers(call: IoctlCall): number | Promise<number> {
    const f = v4l2_create_buffers.fields;
    const view = call.payload;
    const memory = f.memory.get(view, 0);
    const count = f.count.get(view, 0);
    const max = this.#o.limits.buffersPerQueue;
    const at = this.#firstFree();
    f.index.set(view, 0, at);
    f.flags.set(view, 0, 0);
    f.capabilities.set(view, 0, BASE_CAPS | V4L2_BUF_CAP_SUPPORTS_MAX_NUM_BUFFERS);
    f.max_num_buffers.set(view, 0, max);
    f.reserved.set(view, 0, new Uint8Array(20));
    if (f.format.fields.type.get(view, 0) !== this.type || !knownMemory(memory)) return Errno.EINVAL;
    if (count === 0) return 0;
    const sizes = createSizes(view, this.type, this.#o.client.planeSizes(), this.#o.limits.planeBytes);
    if (sizes === undefined) return Errno.EINVAL;
    if (this.#buffers.size >= max) return Errno.ENOBUFS;
    if (this.#buffers.size > 0 && this.#memory !== memory) return Errno.EINVAL;
    let room = 0;
    while (room < count && at + room < max && !this.#buffers.has(at + room)) room += 1;
    return this.#allocate(at, room, memory, sizes, (made) => {
      if (made === 0) return Errno.ENOMEM;
      f.count.set(view, 0, made);
      return 0;
    });
  }

  /** VIDIOC_REMOVE_BUFS */
  removeBuffers(call: IoctlCall): number {
    const f = v4l2_remove_buffers.fields;
    const view = call.payload;
    const first = f.index.get(view, 0);
    const count = f.count.get(view, 0);
    if (f.type.get(view, 0) !== this.type) return Errno.EINVAL;
    if (count === 0) return 0;
    if (first + count > this.#o.limits.buffersPerQueue) return Errno.EINVAL;
    const doomed = Array.from({ length: count }, (_, i) => first + i);
    if (!doomed.every((index) => this.#buffers.has(index))) return Errno.EINVAL;
    if (doomed.some((index) => this.#isBusy(index))) return Errno.EBUSY;
    this.#free(doomed);
    return 0;
  }

  /** VIDIOC_QUERYBUF */
  queryBuffer(call: IoctlCall): number {
    const buffer = this.#buffers.get(v4l2_buffer.fields.index.get(call.payload, 0));
    if (buffer === undefined) return Errno.EINVAL;
    const room = checkPlaneRoom(this.multiplanar, buffer, call);
    if (room !== 0) return room;
    writeBuffer(this, this.#o.timestamps, buffer, call.payload, call.planes);
    return 0;
  }

  /** VIDIOC_PREPARE_BUF */
  prepareBuffer(call: IoctlCall): number {
    return this.#accept(call, (buffer) => {
      if (buffer.state !== 'dequeued') return Errno.EINVAL;
      buffer.state = 'prepared';
      return 0;
    });
  }

  /** VIDIOC_QBUF */
  queueBuffer(call: IoctlCall): number {
    const errno = this.#accept(call, (buffer) => {
      if (buffer.state !== 'dequeued' && buffer.state !== 'prepared') return Errno.EINVAL;
      if (this.#state === 'failed') return Errno.EIO;
      buffer.state = 'queued';
      fetchTime(this, this.#o.timestamps, buffer, call.payload);
      this.#waiting.push(buffer);
      return 0;
    });
    if (errno === 0 && this.#state === 'streaming') this.#o.client.queued();
    return errno;
  }

  /** VIDIOC_STREAMON */
  streamOn(): number | Promise<number> {
    if (this.#state === 'failed') return Errno.EIO;
    if (this.streaming) return 0;
    if (this.#buffers.size === 0) return Errno.EINVAL;
    this.#state = 'starting';
    try {
      const started = this.#o.client.start();
      if (typeof started === 'number') return this.#started(started);
      return started.then(
        (errno) => this.#started(errno),
        (error: unknown) => this.#threw(error),
      );
    } catch (error) {
      return this.#threw(error);
    }
  }

  /** VIDIOC_STREAMOFF: all buffers go back to dequeued, none with an event; valid in every state. */
  streamOff(): number | Promise<number> {
    if (!this.streaming) {
      this.#cancel();
      return 0;
    }
    const stopped = this.#stop();
    return stopped === undefined ? 0 : stopped.then(() => 0);
  }

  /** Stops and frees everything; for REQBUFS-less ends (CLOSE). Settled when nothing touches the memory. */
  async release(): Promise<void> {
    this.#life += 1;
    try {
      if (this.streaming) await this.#stop();
    } finally {
      this.#free([...this.#buffers.keys()]);
    }
  }

  /**
   * The queue as plain data. Throws `NotIdleError` while buffers are with the client, events of buffers wait, memory is awaited,
   * or the queue is on its way between two states.
   */
  save(): BufferQueueState {
    const state = this.#state;
    if (state === 'starting' || state === 'stopping') throw new NotIdleError(`queue ${this.type} is ${state}`);
    if (this.#reserving) throw new NotIdleError(`queue ${this.type} waits for memory of buffers`);
    const buffers = [...this.#buffers.values()].map(saveBuffer);
    return { type: this.type, state, memory: this.#memory, buffers, waiting: this.#waiting.map(({ index }) => index) };
  }

  /**
   * Goes on as the queue that was saved. The client is told nothing: one whose queue streams is restored as started, with nothing
   * taken. `blockAt` finds the memory of MMAP buffers. Throws `SavedStateError` for a state that cannot be, and `DeviceError` for a
   * queue that has buffers or streams; nothing is changed then.
   */
  restore(state: unknown, blockAt: BlockAt): void {
    const { budget, limits } = this.#o;
    if (this.#state !== 'empty' || this.claimed)
      throw new DeviceError(`queue ${this.type} is in use: only a fresh one is restored`);
    const start = readBufferQueue(state, this.type, limits);
    for (const buffer of takeBuffers(start, limits.bufferBytes - budget.bytes, blockAt)) {
      this.#buffers.set(buffer.index, buffer);
      for (const { backing, length } of buffer.planes) if (backing.kind === 'mmap') budget.bytes += length;
    }
    for (const index of start.waiting) this.#waiting.push(this.#buffers.get(index) as V4l2Buffer);
    this.#memory = start.memory;
    this.#state = start.state;
  }

  /** The plane whose `mem_offset` is `offset`. */
  plane(offset: number): MappablePlane | undefined {
    for (const buffer of this.#buffers.values()) {
      for (const { backing, length } of buffer.planes) {
        if (backing.kind === 'mmap' && backing.block.offset === offset) return { block: backing.block, length };
      }
    }
    return undefined;
  }

  /** The oldest waiting buffer, now active; undefined if there is none or the queue does not stream. */
  take(): V4l2Buffer | undefined {
    if (this.#state !== 'streaming') return undefined;
    const buffer = this.#waiting.shift();
    if (buffer !== undefined) buffer.state = 'active';
    return buffer;
  }

  /** Ends an active buffer: its EVT_DQBUF goes out. */
  done(buffer: V4l2Buffer, result: BufferResult): void {
    this.#expectActive(buffer);
    this.#finish(buffer, result);
  }

  /**
   * The device behind the queue is gone: waiting buffers come back with the error flag, QBUF and STREAMON get EIO until
   * STREAMOFF. Active buffers stay the client's to end.
   */
  fail(): void {
    if (this.#state !== 'streaming' && this.#state !== 'starting') return;
    // Before STREAMON has succeeded the buffers stay queued, as when a driver cannot start.
    const streamed = this.#state === 'streaming';
    this.#state = 'failed';
    if (!streamed) return;
    for (const buffer of this.#waiting.splice(0)) this.#finish(buffer, { flags: V4L2_BUF_FLAG_ERROR });
  }

  #expectActive(buffer: V4l2Buffer): void {
    if (buffer.state === 'active' && this.#buffers.get(buffer.index) === buffer) return;
    throw new DeviceError(`buffer ${buffer.index} of queue ${this.type} is ${buffer.state}: only an active buffer can end`);
  }

  #finish(buffer: V4l2Buffer, result: BufferResult): void {
    buffer.state = 'dequeued';
    buffer.flags = result.flags ?? buffer.flags;
    buffer.field = result.field ?? buffer.field;
    buffer.timestamp = result.timestamp ?? buffer.timestamp;
    buffer.timecode = result.timecode ?? buffer.timecode;
    buffer.sequence = result.sequence ?? buffer.sequence;
    result.bytesUsed?.forEach((bytes, i) => {
      const plane = buffer.planes[i];
      if (plane === undefined) return;
      plane.bytesUsed = Math.min(bytes, plane.length);
      // What does not fit is cut off, and nobody should take the rest for a whole picture.
      if (bytes > plane.length) buffer.flags |= V4L2_BUF_FLAG_ERROR;
    });
    const view = new DataView(new ArrayBuffer(v4l2_buffer.size));
    const planes = this.multiplanar ? new DataView(new ArrayBuffer(buffer.planes.length * v4l2_plane.size)) : undefined;
    writeBuffer(this, this.#o.timestamps, buffer, view, planes, 'event');
    buffer.returning = this.#o.events.dequeue(view, planes);
  }

  /** True for a buffer that is not the guest's: also while the guest has not heard that it is done. */
  #isBusy(index: number): boolean {
    const buffer = this.#buffers.get(index);
    return buffer?.state !== 'dequeued' || buffer.returning?.waiting === true;
  }

  #accept(call: IoctlCall, next: (buffer: V4l2Buffer) => number): number {
    const f = v4l2_buffer.fields;
    const buffer = this.#buffers.get(f.index.get(call.payload, 0));
    if (buffer === undefined || f.memory.get(call.payload, 0) !== buffer.memory) return Errno.EINVAL;
    // The guest cannot have it back yet: that bounds the events that wait by the buffers there are.
    if (buffer.returning?.waiting === true) return Errno.EINVAL;
    const errno = fetchPayload(this, this.#o, buffer, call) || next(buffer);
    if (errno === 0) writeBuffer(this, this.#o.timestamps, buffer, call.payload, call.planes);
    return errno;
  }

  #started(errno: number): number {
    // STREAMOFF or close came while the client was starting: its answer no longer counts.
    if (this.#state !== 'starting' && this.#state !== 'failed') return Errno.EIO;
    const result = this.#state === 'failed' ? errno || Errno.EIO : errno;
    this.#state = result === 0 ? 'streaming' : 'allocated';
    if (result === 0 && this.#waiting.length > 0) this.#o.client.queued();
    return result;
  }

  /** The client threw while it started: the queue does not stream, and the next STREAMON may try again. */
  #threw(error: unknown): never {
    if (this.#state === 'starting' || this.#state === 'failed') this.#state = 'allocated';
    throw error;
  }

  #stop(): Promise<void> | undefined {
    if (this.#stopping !== undefined) return this.#stopping;
    this.#state = 'stopping';
    let stopped: void | Promise<void>;
    try {
      stopped = this.#o.client.stop();
    } catch (error) {
      this.#cancel();
      throw error;
    }
    if (stopped === undefined) {
      this.#cancel();
      return undefined;
    }
    // Even a client that fails to stop must not leave the queue in the state `stopping`.
    this.#stopping = stopped.finally(() => {
      this.#stopping = undefined;
      this.#cancel();
    });
    return this.#stopping;
  }

  #cancel(): void {
    this.#waiting.length = 0;
    for (const buffer of this.#buffers.values()) {
      buffer.state = 'dequeued';
      // These come back without an event (P8).
      buffer.returning?.withdraw();
    }
    this.#state = this.#buffers.size > 0 ? 'allocated' : 'empty';
  }

  #firstFree(): number {
    let index = 0;
    while (this.#buffers.has(index)) index += 1;
    return index;
  }

  /** Makes so many buffers, or as many as there is memory for, which may have to be waited for; `answer` is told how many. */
  #allocate(
    first: number,
    count: number,
    memory: number,
    sizes: readonly number[],
    answer: (made: number) => number,
  ): number | Promise<number> {
    const made = this.#make(first, count, memory, sizes);
    const settled = made < count && memory === V4L2_MEMORY_MMAP ? this.#o.buffers.settled() : undefined;
    if (settled === undefined) return answer(made);
    const life = this.#life;
    this.#reserving = true;
    return settled.then(() => {
      this.#reserving = false;
      // Closed meanwhile: what was made has been freed.
      if (life !== this.#life) return Errno.EIO;
      return answer(made + this.#make(first + made, count - made, memory, sizes));
    });
  }

  #make(first: number, count: number, memory: number, sizes: readonly number[]): number {
    let made = 0;
    while (made < count) {
      const buffer = makeBuffer(this.#o, first + made, memory, sizes);
      if (buffer === undefined) break;
      this.#buffers.set(buffer.index, buffer);
      made += 1;
    }
    if (made === 0) return 0;
    this.#memory = memory;
    if (this.#state === 'empty') this.#state = 'allocated';
    return made;
  }

  #free(indices: readonly number[]): void {
    this.#waiting.splice(0, this.#waiting.length, ...this.#waiting.filter((buffer) => !indices.includes(buffer.index)));
    for (const index of indices) {
      const buffer = this.#buffers.get(index);
      if (buffer === undefined) continue;
      buffer.returning?.withdraw();
      freeBuffer(this.#o, buffer);
      this.#buffers.delete(index);
    }
    if (indices.length > 0) this.#o.events.buffersFreed();
    if (this.#buffers.size > 0) return;
    this.#memory = 0;
    if (!this.streaming) this.#state = 'empty';
  }
}

function knownMemory(memory: number): boolean {
  return memory === V4L2_MEMORY_MMAP || memory === V4L2_MEMORY_USERPTR;
}
