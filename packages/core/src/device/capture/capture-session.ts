// SPDX-License-Identifier: Apache-2.0
/** One open file of a camera. */
import {
  type Frame,
  type FrameConsumer,
  type FrameStream,
  NoMemoryError,
  SourceBusyError,
  storedBytes,
} from '../../ports/index.ts';
import { timevalBytes } from '../../v4l2/index.ts';
import {
  Errno,
  V4L2_BUF_FLAG_ERROR,
  V4L2_EVENT_SOURCE_CHANGE,
  V4L2_EVENT_SRC_CH_RESOLUTION,
  v4l2_event,
} from '../../wire/index.ts';
import { BufferQueue, type BufferResult, type QueueClient } from '../buffers/buffer-queue.ts';
import { bufferMemory, type V4l2Buffer } from '../buffers/v4l2-buffer.ts';
import { dispatch, type IoctlTable } from '../framework/ioctl-table.ts';
import type { IoctlCall, SessionEvents } from '../framework/media-device.ts';
import { V4l2Session } from '../framework/v4l2-session.ts';
import type { CaptureNode } from './capture-node.ts';

const SRC_CHANGE = v4l2_event.fields.u.fields.src_change.fields;

/** A buffer that is being filled; `result` once the copy has ended. They leave in the order of the frames. */
interface BufferFilling {
  readonly buffer: V4l2Buffer;
  result: BufferResult | undefined;
}

/** Whom a session tells of itself. */
export interface SessionOwner {
  /** Called once, when it has closed. */
  closed(): void;
  /** Called when it has chosen another input. */
  selected(): void;
}

/** The session. */
export class CaptureSession extends V4l2Session implements QueueClient, FrameConsumer {
  readonly node: CaptureNode;
  readonly captureQueue: BufferQueue;
  readonly queues: readonly BufferQueue[];
  #stream: FrameStream | undefined;
  /** sequence number of the source when the stream began */
  #first: number | undefined;
  readonly #filling: BufferFilling[] = [];
  /** called when the last copy has ended */
  #drained: (() => void) | undefined;

  readonly #ioctls: IoctlTable<CaptureSession>;
  readonly #owner: SessionOwner;

  constructor(node: CaptureNode, ioctls: IoctlTable<CaptureSession>, events: SessionEvents, owner: SessionOwner) {
    super({ events, closed: () => owner.closed(), clock: node.clock, limits: node.limits, controls: node.controls });
    this.node = node;
    this.#ioctls = ioctls;
    this.#owner = owner;
    const { type, buffers, limits, budget } = node;
    this.captureQueue = new BufferQueue({ type, timestamps: 'monotonic', client: this, buffers, events, limits, budget });
    this.queues = [this.captureQueue];
  }

  ioctl(call: IoctlCall): number | Promise<number> {
    return dispatch(this.#ioctls, this, call);
  }

  override mayUse(): number {
    const { owner } = this.node;
    return owner === undefined || owner === this.captureQueue ? 0 : Errno.EBUSY;
  }

  override buffersChanged(queue: BufferQueue): void {
    if (queue.claimed) this.node.owner = queue;
    else if (this.node.owner === queue) this.node.owner = undefined;
  }

  planeSizes(): readonly number[] {
    return this.node.format.layout.sizes;
  }

  start(): number {
    if (!this.node.present) return Errno.ENODEV;
    if (!this.node.formatStands) return Errno.EPIPE;
    this.#first = undefined;
    const { source, format, interval } = this.node;
    try {
      this.#stream = source.start({ layout: format.layout, interval }, this);
    } catch (error) {
      if (error instanceof NoMemoryError) return Errno.ENOMEM;
      if (error instanceof SourceBusyError) return Errno.EBUSY;
      throw error;
    }
    return 0;
  }

  queued(): void {
    this.#stream?.ready?.();
  }

  stop(): void | Promise<void> {
    this.#endStream();
    if (this.#filling.length === 0) return;
    return new Promise((resolve) => {
      this.#drained = resolve;
    });
  }

  wantsFrame(): boolean {
    return this.captureQueue.waiting > 0 && this.node.access.open;
  }

  frame(frame: Frame): void {
    this.#first ??= frame.sequence;
    // A stopped device: the frame would be old when it goes on.
    if (!this.node.access.open) return;
    const buffer = this.captureQueue.take();
    // No buffer: the frame is lost, and the gap in the sequence says so.
    if (buffer === undefined) return;
    const filling: BufferFilling = { buffer, result: undefined };
    this.#filling.push(filling);
    const common = {
      sequence: (frame.sequence - this.#first) >>> 0,
      timestamp: timevalBytes(frame.timestamp),
      field: frame.field,
    };
    const bytesUsed = frame.planes.map(storedBytes);
    frame.retain();
    const ended = (stored: boolean) => {
      frame.release();
      filling.result = stored
        ? { ...common, bytesUsed }
        : { ...common, bytesUsed: bytesUsed.map(() => 0), flags: V4L2_BUF_FLAG_ERROR };
      this.#deliver();
    };
    // A copy that failed for a reason of ours damages this frame, not the stream.
    this.node.access.store(frame.planes, bufferMemory(buffer)).then(ended, () => ended(false));
  }

  lost(): void {
    this.#endStream();
    this.captureQueue.fail();
  }

  /** The source of an input came, went, or brings other frames: the format may be another one. */
  inputChanged(index: number): void {
    const fill = (view: DataView): void => SRC_CHANGE.changes.set(view, 0, V4L2_EVENT_SRC_CH_RESOLUTION);
    this.subscriptions.emit(V4L2_EVENT_SOURCE_CHANGE, index, fill);
  }

  /** VIDIOC_S_INPUT: 0, EINVAL where there is no such input, or EBUSY while somebody has buffers. */
  selectInput(index: number): number {
    const input = this.node.inputs[index];
    if (input === undefined) return Errno.EINVAL;
    if (index === this.node.input) return 0;
    if (this.node.owner !== undefined) return Errno.EBUSY;
    this.node.select(input);
    this.#owner.selected();
    return 0;
  }

  /** Another input was chosen. Whoever did that knows of the format. */
  inputSelected(byItself: boolean): void {
    this.changeControls(this.node.controls);
    if (!byItself) this.inputChanged(this.node.input);
  }

  protected knowsEvent(type: number, id: number): boolean {
    return type === V4L2_EVENT_SOURCE_CHANGE && id < this.node.inputs.length;
  }

  #endStream(): void {
    const stream = this.#stream;
    this.#stream = undefined;
    stream?.[Symbol.dispose]();
  }

  #deliver(): void {
    for (;;) {
      const [head] = this.#filling;
      if (head?.result === undefined) break;
      this.#filling.shift();
      this.captureQueue.done(head.buffer, head.result);
    }
    if (this.#filling.length > 0) return;
    this.#drained?.();
    this.#drained = undefined;
  }
}
