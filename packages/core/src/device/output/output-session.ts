// SPDX-License-Identifier: Apache-2.0
/**
 * One open file of an output.
 *
 * Buffers are taken at the rate of the frame interval, as a display would, so that a program that plays as fast as it can is held to it:
 *
 *     waiting --a buffer is there, and its time has come--> copying --copied--> waiting
 *
 * A frame has its time a whole interval after the one before. A program that is late by more than an interval begins a new count.
 */
import { type MemoryPart, NoMemoryError, type SinkStream, SourceBusyError } from '../../ports/index.ts';
import { timevalBytes } from '../../v4l2/index.ts';
import { Errno, V4L2_BUF_FLAG_ERROR, V4L2_FIELD_NONE } from '../../wire/index.ts';
import { BufferQueue, type QueueClient } from '../buffers/buffer-queue.ts';
import { bufferMemory, type V4l2Buffer } from '../buffers/v4l2-buffer.ts';
import { dispatch, type IoctlTable } from '../framework/ioctl-table.ts';
import type { IoctlCall, SessionEvents } from '../framework/media-device.ts';
import { V4l2Session } from '../framework/v4l2-session.ts';
import type { OutputNode } from './output-node.ts';

/** The session. */
export class OutputSession extends V4l2Session implements QueueClient {
  readonly node: OutputNode;
  readonly outputQueue: BufferQueue;
  readonly queues: readonly BufferQueue[];
  #stream: SinkStream | undefined;
  /** microseconds of the clock: when the next frame has its time */
  #due = 0;
  #sequence = 0;
  #timer: Disposable | undefined;
  /** settled when the copy that runs has ended; undefined while none does */
  #copying: Promise<void> | undefined;

  readonly #ioctls: IoctlTable<OutputSession>;

  constructor(node: OutputNode, ioctls: IoctlTable<OutputSession>, events: SessionEvents, closed: () => void) {
    super({ events, closed, clock: node.clock, limits: node.limits, controls: node.controls });
    this.node = node;
    this.#ioctls = ioctls;
    const { type, buffers, limits, budget } = node;
    this.outputQueue = new BufferQueue({ type, timestamps: 'monotonic', client: this, buffers, events, limits, budget });
    this.queues = [this.outputQueue];
  }

  ioctl(call: IoctlCall): number | Promise<number> {
    return dispatch(this.#ioctls, this, call);
  }

  override mayUse(): number {
    const { owner } = this.node;
    return owner === undefined || owner === this.outputQueue ? 0 : Errno.EBUSY;
  }

  override buffersChanged(queue: BufferQueue): void {
    if (queue.claimed) this.node.owner = queue;
    else if (this.node.owner === queue) this.node.owner = undefined;
  }

  planeSizes(): readonly number[] {
    return this.node.format.layout.sizes;
  }

  /** Half a picture is none. */
  leastPayload(): readonly number[] {
    return this.planeSizes();
  }

  start(): number {
    const { sink, format, interval, clock } = this.node;
    try {
      this.#stream = sink.start({ layout: format.layout, interval, colorimetry: format.colorimetry });
    } catch (error) {
      if (error instanceof NoMemoryError) return Errno.ENOMEM;
      if (error instanceof SourceBusyError) return Errno.EBUSY;
      throw error;
    }
    this.#sequence = 0;
    this.#due = clock.now();
    return 0;
  }

  queued(): void {
    this.#next();
  }

  stop(): void | Promise<void> {
    this.#timer?.[Symbol.dispose]();
    this.#timer = undefined;
    this.#stream?.[Symbol.dispose]();
    this.#stream = undefined;
    return this.#copying;
  }

  protected knowsEvent(): boolean {
    return false;
  }

  get #interval(): number {
    const { numerator, denominator } = this.node.interval;
    return (1_000_000 * numerator) / denominator;
  }

  /** Takes the next buffer, now or when its time has come. */
  #next(): void {
    if (this.#stream === undefined || this.#timer !== undefined || this.#copying !== undefined) return;
    if (this.outputQueue.waiting === 0) return;
    const now = this.node.clock.now();
    // A stopped device: what it plays waits until it goes on.
    const at = this.node.access.open ? this.#due : now + this.#interval;
    if (at > now) {
      this.#timer = this.node.clock.at(Math.ceil(at), () => {
        this.#timer = undefined;
        this.#next();
      });
      return;
    }
    const buffer = this.outputQueue.take();
    if (buffer !== undefined) this.#play(this.#stream, buffer, now);
  }

  #play(stream: SinkStream, buffer: V4l2Buffer, now: number): void {
    const late = now - this.#due > this.#interval;
    const timestamp = late ? now : Math.round(this.#due);
    this.#due = (late ? now : this.#due) + this.#interval;
    const sequence = this.#sequence;
    this.#sequence = (sequence + 1) >>> 0;
    const room = stream.room();
    if (room === undefined) {
      this.#played(buffer, sequence, true);
      return;
    }
    const ended = (copied: boolean): void => {
      this.#copying = undefined;
      if (copied) room.show({ sequence, timestamp, field: V4L2_FIELD_NONE });
      else room.abandon();
      this.#played(buffer, sequence, copied);
    };
    this.#copying = this.node.access.fetch(payloadOf(buffer), room.planes).then(ended, () => ended(false));
  }

  #played(buffer: V4l2Buffer, sequence: number, ok: boolean): void {
    this.outputQueue.done(buffer, {
      sequence,
      timestamp: timevalBytes(this.node.clock.now()),
      field: V4L2_FIELD_NONE,
      flags: ok ? buffer.flags : buffer.flags | V4L2_BUF_FLAG_ERROR,
    });
    this.#next();
  }
}

/** Where the pixels of a buffer are. */
function payloadOf(buffer: V4l2Buffer): MemoryPart[] {
  return bufferMemory(buffer).map((memory, i) => ({ memory, offset: buffer.planes[i]?.dataOffset ?? 0 }));
}
