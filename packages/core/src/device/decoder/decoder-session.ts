// SPDX-License-Identifier: Apache-2.0
/**
 * One open file of a decoder: the V4L2 face of a `DecoderStream`. OUTPUT is the stream's input queue, CAPTURE its output
 * queue; the states of dev-decoder are the stream's phases (`stream/decoder-phase.ts`, drawn in docs/DECODER.md).
 */
import type { PictureLayout } from '../../picture/index.ts';
import type { Clock, DecoderFactory, HostBuffers, StreamFormat } from '../../ports/index.ts';
import {
  DecoderStream,
  type FormatAnswer,
  type StreamOutput,
  type StreamResult,
  sameLayout,
  sameResolution,
  V4L2_POLICY,
} from '../../stream/index.ts';
import {
  Errno,
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
  V4L2_EVENT_SOURCE_CHANGE,
  V4L2_EVENT_SRC_CH_RESOLUTION,
  V4L2_FIELD_NONE,
  v4l2_event,
  v4l2_timecode,
} from '../../wire/index.ts';
import type { BufferBudget } from '../buffers/buffer-planes.ts';
import { BufferQueue } from '../buffers/buffer-queue.ts';
import { bufferMemory, type V4l2Buffer } from '../buffers/v4l2-buffer.ts';
import { dispatch, type IoctlTable } from '../framework/ioctl-table.ts';
import type { DeviceLimits } from '../framework/limits.ts';
import type { IoctlCall, SessionEvents } from '../framework/media-device.ts';
import { V4l2Session } from '../framework/v4l2-session.ts';
import type { OfferedCodec } from './decoder-codecs.ts';
import { decoderControls, describeStream } from './decoder-controls.ts';
import { DecoderFormats } from './decoder-formats.ts';

/** What travels from a coded buffer to the pictures it makes: 16 raw bytes each, and the flags that belong to them. */
interface Stamp {
  readonly timestamp: Uint8Array;
  readonly timecode: Uint8Array;
  readonly flags: number;
}

/** What a session is made of. */
export interface DecoderSessionOptions {
  readonly factory: DecoderFactory;
  readonly codecs: readonly OfferedCodec[];
  readonly buffers: HostBuffers;
  readonly events: SessionEvents;
  readonly clock: Clock;
  readonly limits: DeviceLimits;
  readonly budget: BufferBudget;
  /** what the session answers: `DECODER_IOCTLS` */
  readonly ioctls: IoctlTable<DecoderSession>;
  readonly closed: () => void;
}

const STAMP_FLAGS = V4L2_BUF_FLAG_TSTAMP_SRC_MASK | V4L2_BUF_FLAG_TIMECODE;
const TYPE_FLAGS = { key: V4L2_BUF_FLAG_KEYFRAME, p: V4L2_BUF_FLAG_PFRAME, b: V4L2_BUF_FLAG_BFRAME, unknown: 0 } as const;
const NO_STAMP: Stamp = { timestamp: new Uint8Array(timeval.size), timecode: new Uint8Array(v4l2_timecode.size), flags: 0 };
const SRC_CHANGE = v4l2_event.fields.u.fields.src_change.fields;

/** A decoder session. */
export class DecoderSession extends V4l2Session {
  readonly codecs: readonly OfferedCodec[];
  readonly formats: DecoderFormats;
  readonly output: BufferQueue;
  readonly capture: BufferQueue;
  readonly queues: readonly BufferQueue[];
  readonly stream: DecoderStream<V4l2Buffer, V4l2Buffer, Stamp>;
  readonly #ioctls: IoctlTable<DecoderSession>;
  #sequence = 0;
  #resetting: Promise<void> | undefined;

  constructor(o: DecoderSessionOptions) {
    super({ events: o.events, clock: o.clock, limits: o.limits, controls: decoderControls(o.codecs), closed: o.closed });
    this.#ioctls = o.ioctls;
    this.codecs = o.codecs;
    this.formats = new DecoderFormats(o.codecs, o.limits.planeBytes);
    this.stream = new DecoderStream({
      factory: o.factory,
      policy: V4L2_POLICY,
      fits: (format) => this.#fits(format),
      events: {
        inputReturned: (buffer, ok) => this.#inputReturned(buffer, ok),
        outputReturned: (buffer, output) => this.#outputReturned(buffer, output),
        formatChanged: (format) => this.#formatChanged(format),
        endOfStream: () => this.subscriptions.emit(V4L2_EVENT_EOS, 0, () => {}),
        failed: () => {
          for (const queue of this.queues) queue.fail();
        },
      },
    });
    const common = { timestamps: 'copy', buffers: o.buffers, events: o.events, limits: o.limits, budget: o.budget } as const;
    this.output = new BufferQueue({
      ...common,
      type: V4L2_BUF_TYPE_VIDEO_OUTPUT_MPLANE,
      client: {
        planeSizes: () => this.formats.output.layout.sizes,
        start: () => this.#startOutput(),
        queued: () => this.#submit(),
        stop: () => this.stream.stopInput(),
      },
    });
    this.capture = new BufferQueue({
      ...common,
      type: V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE,
      client: {
        planeSizes: () => this.formats.capture.layout.sizes,
        minBuffers: () => this.formats.stream?.minBuffers ?? 1,
        start: () =>
          errnoOf(this.stream.startOutput(this.formats.capture.layout, this.#captureFits(this.formats.capture.layout))),
        queued: () => this.#supply(),
        stop: () => this.stream.stopOutput(),
      },
    });
    this.queues = [this.output, this.capture];
  }

  ioctl(call: IoctlCall): number | Promise<number> {
    return dispatch(this.#ioctls, this, call);
  }

  /** A drain (V4L2_DEC_CMD_STOP). Success without effect unless both queues stream, as dev-decoder has it. */
  drain(): number {
    return errnoOf(this.stream.drain());
  }

  /** V4L2_DEC_CMD_START: on after a drain or a change of resolution. */
  resume(): number {
    return errnoOf(this.stream.resume(this.formats.capture.layout));
  }

  /** REQBUFS(0) on OUTPUT leads back to initialisation: the next stream begins with a new decoder and a header. */
  override buffersChanged(queue: BufferQueue): void {
    if (queue !== this.output || queue.claimed || queue.streaming || this.stream.phase.kind === 'idle') return;
    this.formats.forget();
    const reset = this.stream.reset().then(() => {
      if (this.#resetting === reset) this.#resetting = undefined;
    });
    this.#resetting = reset;
  }

  protected override async end(): Promise<void> {
    await this.stream.close();
    await super.end();
  }

  protected knowsEvent(type: number, id: number): boolean {
    return (type === V4L2_EVENT_SOURCE_CHANGE || type === V4L2_EVENT_EOS) && id === 0;
  }

  #startOutput(): number | Promise<number> {
    const start = (): number => {
      this.#sequence = 0;
      return errnoOf(this.stream.startInput(this.formats.codec.codec));
    };
    // The old decoder counts against the limit of streams until it has gone.
    return this.#resetting === undefined ? start() : this.#resetting.then(start);
  }

  /** An application may have made its CAPTURE buffers while the header was still on its way. */
  #captureFits({ sizes }: PictureLayout): boolean {
    for (const { planes } of this.capture.all) {
      if (planes.length !== sizes.length || planes.some((plane, i) => plane.length < (sizes[i] ?? 0))) return false;
    }
    return true;
  }

  #submit(): void {
    for (let buffer = this.output.take(); buffer !== undefined; buffer = this.output.take()) {
      const [memory] = bufferMemory(buffer);
      const [plane] = buffer.planes;
      const stamp = { timestamp: buffer.timestamp, timecode: buffer.timecode, flags: buffer.flags & STAMP_FLAGS };
      if (memory === undefined || plane === undefined) return;
      const input = {
        memory,
        offset: plane.dataOffset,
        length: plane.bytesUsed - plane.dataOffset,
        mayContinue: plane.bytesUsed === plane.length,
      };
      if (!this.stream.queueInput(buffer, input, stamp)) this.#inputReturned(buffer, false);
    }
  }

  #supply(): void {
    for (let buffer = this.capture.take(); buffer !== undefined; buffer = this.capture.take()) {
      if (this.stream.queueOutput(buffer, bufferMemory(buffer))) continue;
      this.capture.done(buffer, { flags: V4L2_BUF_FLAG_ERROR, bytesUsed: buffer.planes.map(() => 0) });
    }
  }

  #inputReturned(buffer: V4l2Buffer, ok: boolean): void {
    const sequence = this.#sequence;
    this.#sequence = (sequence + 1) >>> 0;
    this.output.done(buffer, { flags: ok ? buffer.flags : buffer.flags | V4L2_BUF_FLAG_ERROR, sequence });
  }

  #outputReturned(buffer: V4l2Buffer, output: StreamOutput<Stamp>): void {
    const stamp = output.cookie ?? NO_STAMP;
    const error = output.error ? V4L2_BUF_FLAG_ERROR : 0;
    const last = output.last === 'no' ? 0 : V4L2_BUF_FLAG_LAST;
    this.capture.done(buffer, {
      bytesUsed: output.bytesUsed,
      flags: stamp.flags | error | last | TYPE_FLAGS[output.type],
      field: output.field || V4L2_FIELD_NONE,
      timestamp: stamp.timestamp,
      timecode: stamp.timecode,
      sequence: output.sequence >>> 0,
    });
  }

  /**
   * What a format means to CAPTURE. An application that asked for source-change events gets one and then LAST, and sets CAPTURE up
   * again. If it has CAPTURE running with the right layout already, it decodes on without LAST at the first header of a
   * stream ("Initialization", note on clients that know the coded resolution): such programs, ffmpeg among them, take an
   * empty buffer for the end. So does, at any time, one that asked for no events and could not understand a LAST.
   */
  #fits(format: StreamFormat): FormatAnswer {
    const before = this.formats.stream;
    const layout = this.formats.layoutFor(format);
    if (layout === undefined) return 'beyond-limits';
    if (before !== undefined && sameResolution(before, format)) return layout;
    const listens = this.subscriptions.has(V4L2_EVENT_SOURCE_CHANGE, 0);
    const prepared = sameLayout(this.formats.capture.layout, layout) && this.#captureFits(layout);
    return prepared && (before === undefined || !listens) ? layout : 'stop';
  }

  #formatChanged(format: StreamFormat): void {
    const before = this.formats.stream;
    this.formats.follow(format);
    describeStream(this.controls, this.formats.codec, format);
    if (before !== undefined && sameResolution(before, format)) return;
    this.subscriptions.emit(V4L2_EVENT_SOURCE_CHANGE, 0, (view) => {
      SRC_CHANGE.changes.set(view, 0, V4L2_EVENT_SRC_CH_RESOLUTION);
    });
  }
}

/** A command that means nothing now succeeds: V4L2 has no error for it. */
function errnoOf(result: StreamResult): number {
  switch (result) {
    case 'ok':
    case 'ignored':
      return 0;
    case 'busy':
    case 'unavailable':
      return Errno.EBUSY;
    case 'failed':
      return Errno.EIO;
  }
}
