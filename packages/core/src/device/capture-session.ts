// SPDX-License-Identifier: Apache-2.0
/** One open file of a camera. */
import type { Frame, FrameConsumer, SourceStream } from '../ports/index.ts';
import { timevalBytes } from '../v4l2/index.ts';
import { Errno, V4L2_BUF_FLAG_ERROR } from '../wire/index.ts';
import { BufferQueue, type BufferResult, type QueueClient } from './buffer-queue.ts';
import type { CaptureDevice } from './capture-device.ts';
import { CAPTURE_IOCTLS } from './capture-ioctls.ts';
import { dispatch } from './ioctl-table.ts';
import type { IoctlCall, SessionEvents } from './media-device.ts';
import { V4l2Session } from './session.ts';
import { bufferMemory, type V4l2Buffer } from './v4l2-buffer.ts';

/** A buffer that is being filled; `result` once the copy has ended. They leave in the order of the frames. */
interface Filling {
  readonly buffer: V4l2Buffer;
  result: BufferResult | undefined;
}

/** The session. */
export class CaptureSession extends V4l2Session implements QueueClient, FrameConsumer {
  readonly device: CaptureDevice;
  readonly captureQueue: BufferQueue;
  readonly queues: readonly BufferQueue[];
  #stream: SourceStream | undefined;
  /** sequence number of the source when the stream began */
  #first: number | undefined;
  readonly #filling: Filling[] = [];
  /** called when the last copy has ended */
  #drained: (() => void) | undefined;

  constructor(device: CaptureDevice, events: SessionEvents, closed: () => void) {
    super({ events, closed, clock: device.clock, limits: device.limits, controls: device.controls });
    this.device = device;
    const { type, buffers, limits, budget } = device;
    this.captureQueue = new BufferQueue({ type, timestamps: 'monotonic', client: this, buffers, events, limits, budget });
    this.queues = [this.captureQueue];
  }

  ioctl(call: IoctlCall): number | Promise<number> {
    return dispatch(CAPTURE_IOCTLS, this, call);
  }

  override mayUse(): number {
    const { owner } = this.device;
    return owner === undefined || owner === this ? 0 : Errno.EBUSY;
  }

  override buffersChanged(queue: BufferQueue): void {
    if (queue.count > 0) this.device.owner = this;
    else if (this.device.owner === this) this.device.owner = undefined;
  }

  planeSizes(): readonly number[] {
    return this.device.format.layout.planes.map((plane) => plane.sizeImage);
  }

  start(): number {
    this.#first = undefined;
    const stream = this.device.source.open(this);
    this.#stream = stream;
    stream.configure(this.device.format.layout, this.device.interval);
    stream.start();
    return 0;
  }

  queued(): void {}

  stop(): void | Promise<void> {
    this.#endStream();
    if (this.#filling.length === 0) return;
    return new Promise((resolve) => {
      this.#drained = resolve;
    });
  }

  wantsFrame(): boolean {
    return this.captureQueue.waiting > 0;
  }

  frame(frame: Frame): void {
    this.#first ??= frame.sequence;
    const buffer = this.captureQueue.take();
    // No buffer: the frame is lost, and the gap in the sequence says so.
    if (buffer === undefined) return;
    const filling: Filling = { buffer, result: undefined };
    this.#filling.push(filling);
    const common = {
      sequence: (frame.sequence - this.#first) >>> 0,
      timestamp: timevalBytes(frame.timestamp),
      field: frame.field,
    };
    const bytesUsed = frame.planes.map((plane) => (plane.kind === 'bytes' ? plane.bytes.length : plane.length));
    frame.retain();
    const ended = (stored: boolean) => {
      frame.release();
      filling.result = stored
        ? { ...common, bytesUsed }
        : { ...common, bytesUsed: bytesUsed.map(() => 0), flags: V4L2_BUF_FLAG_ERROR };
      this.#deliver();
    };
    // A copy that failed for a reason of ours damages this frame, not the stream.
    this.device.access.store(frame.planes, bufferMemory(buffer)).then(ended, () => ended(false));
  }

  lost(): void {
    this.#endStream();
    this.captureQueue.fail();
  }

  protected knowsEvent(): boolean {
    return false;
  }

  #endStream(): void {
    const stream = this.#stream;
    this.#stream = undefined;
    stream?.stop();
    stream?.close();
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
