// SPDX-License-Identifier: Apache-2.0
/**
 * One open file of a codec: two buffer queues over a coded stream. What V4L2 calls OUTPUT is the source of the codec, what it calls
 * CAPTURE its destination; which of them is coded and which raw is the device's role.
 */
import type { BufferMemory, Clock, HostBuffers } from '../../ports/index.ts';
import type { StreamEvents, StreamOutput, StreamResult } from '../../stream/index.ts';
import type { ControlSet } from '../../v4l2/index.ts';
import {
  timeval,
  V4L2_BUF_FLAG_BFRAME,
  V4L2_BUF_FLAG_ERROR,
  V4L2_BUF_FLAG_KEYFRAME,
  V4L2_BUF_FLAG_LAST,
  V4L2_BUF_FLAG_PFRAME,
  V4L2_BUF_FLAG_TIMECODE,
  V4L2_BUF_FLAG_TSTAMP_SRC_MASK,
  V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE,
  V4L2_BUF_TYPE_VIDEO_OUTPUT_MPLANE,
  V4L2_EVENT_EOS,
  V4L2_FIELD_NONE,
  v4l2_timecode,
} from '../../wire/index.ts';
import type { BufferBudget } from '../buffers/buffer-planes.ts';
import { BufferQueue } from '../buffers/buffer-queue.ts';
import { bufferMemory, type V4l2Buffer } from '../buffers/v4l2-buffer.ts';
import type { DeviceLimits } from '../framework/limits.ts';
import type { SessionEvents } from '../framework/media-device.ts';
import { V4l2Session } from '../framework/v4l2-session.ts';
import type { M2mFormats } from './m2m-formats.ts';
import { streamErrno } from './stream-errno.ts';

/** Which of a codec's two queues is coded: OUTPUT of a decoder, CAPTURE of an encoder. */
export type M2mRole = 'decoder' | 'encoder';

/** What travels from a source buffer to what is made of it: 16 raw bytes each, and the flags that belong to them. */
export interface Stamp {
  readonly timestamp: Uint8Array;
  readonly timecode: Uint8Array;
  readonly flags: number;
}

/** What a session asks of its stream. `Job` is what the codec is to do with a source buffer. */
export interface M2mStream<Job> {
  queueInput(handle: V4l2Buffer, job: Job, cookie: Stamp): boolean;
  queueOutput(handle: V4l2Buffer, planes: readonly BufferMemory[]): boolean;
  stopInput(): Promise<void>;
  stopOutput(): Promise<void>;
  drain(): StreamResult;
  close(): Promise<void>;
}

/** What a session shares with the others of its device. */
export interface M2mShared {
  readonly buffers: HostBuffers;
  readonly clock: Clock;
  readonly limits: DeviceLimits;
  readonly budget: BufferBudget;
}

/** What a session is made of. */
export interface M2mSessionOptions extends M2mShared {
  readonly role: M2mRole;
  readonly events: SessionEvents;
  readonly controls: ControlSet;
  readonly closed: () => void;
}

const STAMP_FLAGS = V4L2_BUF_FLAG_TSTAMP_SRC_MASK | V4L2_BUF_FLAG_TIMECODE;
const TYPE_FLAGS = { key: V4L2_BUF_FLAG_KEYFRAME, p: V4L2_BUF_FLAG_PFRAME, b: V4L2_BUF_FLAG_BFRAME, unknown: 0 } as const;
const NO_STAMP: Stamp = { timestamp: new Uint8Array(timeval.size), timecode: new Uint8Array(v4l2_timecode.size), flags: 0 };

/** A codec session. A device adds its formats, its stream and how both are started. */
export abstract class M2mSession<Job = unknown> extends V4l2Session {
  abstract readonly formats: M2mFormats;
  abstract readonly stream: M2mStream<Job>;
  /** OUTPUT */
  readonly source: BufferQueue;
  /** CAPTURE */
  readonly destination: BufferQueue;
  readonly queues: readonly BufferQueue[];
  readonly #role: M2mRole;
  /** source buffers returned since the queue was started */
  #sequence = 0;

  constructor(o: M2mSessionOptions) {
    super(o);
    this.#role = o.role;
    const common = { timestamps: 'copy', buffers: o.buffers, events: o.events, limits: o.limits, budget: o.budget } as const;
    this.source = new BufferQueue({
      ...common,
      type: V4L2_BUF_TYPE_VIDEO_OUTPUT_MPLANE,
      client: {
        planeSizes: () => this.#formatOf(this.source).layout.sizes,
        start: () => {
          this.#sequence = 0;
          return this.startSource();
        },
        queued: () => this.#submit(),
        stop: () => this.stream.stopInput(),
      },
    });
    this.destination = new BufferQueue({
      ...common,
      type: V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE,
      client: {
        planeSizes: () => this.#formatOf(this.destination).layout.sizes,
        minBuffers: () => this.minDestinationBuffers,
        start: () => this.startDestination(),
        queued: () => this.#supply(),
        stop: () => this.stream.stopOutput(),
      },
    });
    this.queues = [this.source, this.destination];
  }

  /** The queue of coded data. */
  get coded(): BufferQueue {
    return this.#role === 'decoder' ? this.source : this.destination;
  }

  /** The queue of pictures. */
  get raw(): BufferQueue {
    return this.#role === 'decoder' ? this.destination : this.source;
  }

  /** V4L2_DEC_CMD_STOP or V4L2_ENC_CMD_STOP: a drain. Success without effect unless both queues stream. */
  drain(): number {
    return streamErrno(this.stream.drain());
  }

  /** V4L2_DEC_CMD_START or V4L2_ENC_CMD_START: on after a drain, or after what else stopped the stream. 0 or an errno. */
  abstract resume(): number;

  /** STREAMON of the source: 0 or an errno. */
  protected abstract startSource(): number | Promise<number>;

  /** STREAMON of the destination: 0 or an errno. */
  protected abstract startDestination(): number;

  /** What the codec is to do with a source buffer that is queued. */
  protected abstract jobOf(buffer: V4l2Buffer, planes: readonly BufferMemory[]): Job;

  /** The least number of destination buffers. */
  protected get minDestinationBuffers(): number {
    return 1;
  }

  /** What every stream tells: buffers that come back, the end of a drain, failure. */
  protected get streamEvents(): Omit<StreamEvents<V4l2Buffer, V4l2Buffer, Stamp>, 'formatChanged'> {
    return {
      inputReturned: (buffer, ok) => this.#sourceReturned(buffer, ok),
      outputReturned: (buffer, output) => this.#destinationReturned(buffer, output),
      endOfStream: () => this.subscriptions.emit(V4L2_EVENT_EOS, 0, () => {}),
      failed: () => {
        for (const queue of this.queues) queue.fail();
      },
    };
  }

  protected override async end(): Promise<void> {
    await this.stream.close();
    await super.end();
  }

  protected knowsEvent(type: number, id: number): boolean {
    return type === V4L2_EVENT_EOS && id === 0;
  }

  #formatOf(queue: BufferQueue) {
    return queue === this.coded ? this.formats.coded : this.formats.raw;
  }

  #submit(): void {
    for (let buffer = this.source.take(); buffer !== undefined; buffer = this.source.take()) {
      const stamp = { timestamp: buffer.timestamp, timecode: buffer.timecode, flags: buffer.flags & STAMP_FLAGS };
      if (!this.stream.queueInput(buffer, this.jobOf(buffer, bufferMemory(buffer)), stamp)) this.#sourceReturned(buffer, false);
    }
  }

  #supply(): void {
    for (let buffer = this.destination.take(); buffer !== undefined; buffer = this.destination.take()) {
      if (this.stream.queueOutput(buffer, bufferMemory(buffer))) continue;
      this.destination.done(buffer, { flags: V4L2_BUF_FLAG_ERROR, bytesUsed: buffer.planes.map(() => 0) });
    }
  }

  #sourceReturned(buffer: V4l2Buffer, ok: boolean): void {
    const sequence = this.#sequence;
    this.#sequence = (sequence + 1) >>> 0;
    this.source.done(buffer, { flags: ok ? buffer.flags : buffer.flags | V4L2_BUF_FLAG_ERROR, sequence });
  }

  #destinationReturned(buffer: V4l2Buffer, output: StreamOutput<Stamp>): void {
    const stamp = output.cookie ?? NO_STAMP;
    const error = output.error ? V4L2_BUF_FLAG_ERROR : 0;
    const last = output.last === 'no' ? 0 : V4L2_BUF_FLAG_LAST;
    this.destination.done(buffer, {
      bytesUsed: output.bytesUsed,
      flags: stamp.flags | error | last | TYPE_FLAGS[output.type],
      field: output.field || V4L2_FIELD_NONE,
      timestamp: stamp.timestamp,
      timecode: stamp.timecode,
      sequence: output.sequence >>> 0,
    });
  }
}
