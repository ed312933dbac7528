// SPDX-License-Identifier: Apache-2.0
/**
 * One open file of a decoder: the V4L2 face of a `DecoderStream`. OUTPUT, its source, is coded, and CAPTURE, its destination, raw;
 * the states of dev-decoder are the stream's phases (`stream/decoder-phase.ts`, drawn in docs/DECODER.md).
 */
import type { PictureLayout } from '../../picture/index.ts';
import type { BufferMemory, DecoderFactory, StreamFormat } from '../../ports/index.ts';
import {
  DecoderStream,
  type FormatAnswer,
  type StreamInput,
  sameLayout,
  sameResolution,
  V4L2_POLICY,
} from '../../stream/index.ts';
import { V4L2_EVENT_SOURCE_CHANGE, V4L2_EVENT_SRC_CH_RESOLUTION, v4l2_event } from '../../wire/index.ts';
import type { BufferQueue } from '../buffers/buffer-queue.ts';
import type { V4l2Buffer } from '../buffers/v4l2-buffer.ts';
import { dispatch, type IoctlTable, ioctlTable } from '../framework/ioctl-table.ts';
import type { IoctlCall } from '../framework/media-device.ts';
import { commandIoctls } from '../m2m/codec-commands.ts';
import type { M2mOpening } from '../m2m/m2m-device.ts';
import { M2M_IOCTLS } from '../m2m/m2m-ioctls.ts';
import { M2mSession, type Stamp } from '../m2m/m2m-session.ts';
import { streamErrno } from '../m2m/stream-errno.ts';
import { decoderControls, describeStream } from './decoder-controls.ts';
import { type DecodedCodec, DecoderFormats } from './decoder-formats.ts';

/** The whole table of a decoder session. */
export const DECODER_IOCTLS: IoctlTable<M2mSession> = ioctlTable(M2M_IOCTLS, commandIoctls('decoder'));

const SRC_CHANGE = v4l2_event.fields.u.fields.src_change.fields;

/** A decoder session. */
export class DecoderSession extends M2mSession<StreamInput> {
  readonly formats: DecoderFormats;
  readonly stream: DecoderStream<V4l2Buffer, V4l2Buffer, Stamp>;
  #resetting: Promise<void> | undefined;

  constructor(opening: M2mOpening, factory: DecoderFactory, codecs: readonly DecodedCodec[]) {
    super({ ...opening, role: 'decoder', controls: decoderControls(codecs) });
    this.formats = new DecoderFormats(codecs, opening.limits.planeBytes);
    this.stream = new DecoderStream({
      factory,
      policy: V4L2_POLICY,
      fits: (format) => this.#fits(format),
      events: { ...this.streamEvents, formatChanged: (format) => this.#formatChanged(format) },
    });
  }

  ioctl(call: IoctlCall): number | Promise<number> {
    return dispatch(DECODER_IOCTLS, this, call);
  }

  /** On after a drain or a change of resolution. */
  resume(): number {
    return streamErrno(this.stream.resume(this.formats.raw.layout));
  }

  /** REQBUFS(0) on OUTPUT leads back to initialisation: the next stream begins with a new decoder and a header. */
  override buffersChanged(queue: BufferQueue): void {
    if (queue !== this.coded || queue.claimed || queue.streaming || this.stream.phase.kind === 'idle') return;
    this.formats.forget();
    const reset = this.stream.reset().then(() => {
      if (this.#resetting === reset) this.#resetting = undefined;
    });
    this.#resetting = reset;
  }

  protected override knowsEvent(type: number, id: number): boolean {
    return (type === V4L2_EVENT_SOURCE_CHANGE && id === 0) || super.knowsEvent(type, id);
  }

  protected startSource(): number | Promise<number> {
    const start = () => streamErrno(this.stream.startInput(this.formats.codec.codec));
    // The old decoder counts against the limit of streams until it has gone.
    return this.#resetting === undefined ? start() : this.#resetting.then(start);
  }

  protected startDestination(): number {
    const { layout } = this.formats.raw;
    return streamErrno(this.stream.startOutput(layout, this.#buffersFit(layout)));
  }

  protected jobOf(buffer: V4l2Buffer, [memory]: readonly BufferMemory[]): StreamInput {
    const [plane] = buffer.planes;
    if (memory === undefined || plane === undefined) throw new TypeError('a coded buffer has one plane');
    return {
      memory,
      offset: plane.dataOffset,
      length: plane.bytesUsed - plane.dataOffset,
      mayContinue: plane.bytesUsed === plane.length,
    };
  }

  protected override get minDestinationBuffers(): number {
    return this.formats.stream?.minBuffers ?? 1;
  }

  /** An application may have made its CAPTURE buffers while the header was still on its way. */
  #buffersFit({ sizes }: PictureLayout): boolean {
    for (const { planes } of this.raw.all) {
      if (planes.length !== sizes.length || planes.some((plane, i) => plane.length < (sizes[i] ?? 0))) return false;
    }
    return true;
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
    const prepared = sameLayout(this.formats.raw.layout, layout) && this.#buffersFit(layout);
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
