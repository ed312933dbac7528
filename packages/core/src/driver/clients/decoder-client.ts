// SPDX-License-Identifier: Apache-2.0
/**
 * A program that decodes a stream, as the kernel's document for stateful decoders tells programs to: coded data in, pictures
 * out in display order, through resolution changes, drain and seek.
 *
 * The CAPTURE side: header --SOURCE_CHANGE--> streaming --LAST with a pending SOURCE_CHANGE--> header …
 * streaming --LAST of a drain--> ended --next chunk (DECODER_CMD START) or seek--> streaming.
 *
 * @see https://docs.kernel.org/userspace-api/media/v4l/dev-decoder.html
 */
import type { PictureLayout, Rect } from '../../picture/index.ts';
import { Errno } from '../../wire/errno.gen.ts';
import {
  V4L2_BUF_FLAG_ERROR,
  V4L2_BUF_FLAG_LAST,
  V4L2_BUF_TYPE_VIDEO_CAPTURE,
  V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE,
  V4L2_BUF_TYPE_VIDEO_OUTPUT,
  V4L2_BUF_TYPE_VIDEO_OUTPUT_MPLANE,
  V4L2_CAP_VIDEO_M2M_MPLANE,
  V4L2_CID_MIN_BUFFERS_FOR_CAPTURE,
  V4L2_DEC_CMD_START,
  V4L2_DEC_CMD_STOP,
  V4L2_EVENT_EOS,
  V4L2_EVENT_SOURCE_CHANGE,
  V4L2_EVENT_SRC_CH_RESOLUTION,
  V4L2_SEL_TGT_COMPOSE,
} from '../../wire/v4l2/videodev2-constants.gen.ts';
import { BufferSet } from '../media/buffer-set.ts';
import type { BufferState } from '../media/buffers.ts';
import type { DriverSession } from '../media/driver-session.ts';
import { layoutOf } from '../media/formats.ts';
import type { MediaDriver } from '../media/media-driver.ts';
import { IoctlError } from '../rings/errors.ts';
import { WakeSignal } from '../rings/wake-signal.ts';
import type { ClientPicture, CodedChunk, DecoderClientOptions, DecoderClientStats } from './decoder-client-types.ts';

type ClientPhase = 'header' | 'streaming' | 'ended' | 'closed';

/** See the top of the file. One caller may send while another takes pictures; each of the two one call at a time. */
export class StatefulDecoderClient {
  readonly session: DriverSession;
  readonly #o: DecoderClientOptions;
  readonly #input: number;
  readonly #output: number;
  readonly #selectionType = V4L2_BUF_TYPE_VIDEO_CAPTURE;
  readonly #signal = new WakeSignal();
  readonly #stats = { chunks: 0, pictures: 0, resolutionChanges: 0 };
  #coded: BufferSet | undefined;
  #pictures: BufferSet | undefined;
  #freeInputs: number[] = [];
  #layout: PictureLayout = { fourcc: 0, width: 0, height: 0, colours: [], sizes: [] };
  #visible: Rect = { left: 0, top: 0, width: 0, height: 0 };
  #phase: ClientPhase = 'header';
  #sourceChanged = false;
  #endOfStream = false;
  #drain: 'no' | 'asked' | 'sent' = 'no';
  #lastSeen = false;
  /** CAPTURE buffers that the device does not have: the picture in the user's hands, and the LAST one */
  readonly #idle: number[] = [];
  #failure: unknown;
  #seeking: Promise<void> | undefined;

  private constructor(session: DriverSession, mplane: boolean, o: DecoderClientOptions) {
    this.session = session;
    this.#o = o;
    this.#input = mplane ? V4L2_BUF_TYPE_VIDEO_OUTPUT_MPLANE : V4L2_BUF_TYPE_VIDEO_OUTPUT;
    this.#output = mplane ? V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE : V4L2_BUF_TYPE_VIDEO_CAPTURE;
  }

  /** Opens a session and sets up its OUTPUT queue (initialisation, steps 1 to 7). Rejects with `IoctlError`. */
  static async open(driver: MediaDriver, o: DecoderClientOptions): Promise<StatefulDecoderClient> {
    const session = await driver.open();
    const mplane = o.mplane ?? (driver.config.deviceCaps & V4L2_CAP_VIDEO_M2M_MPLANE) !== 0;
    const client = new StatefulDecoderClient(session, mplane, o);
    try {
      await client.#initialise();
    } catch (error) {
      await session.close();
      throw error;
    }
    return client;
  }

  get stats(): DecoderClientStats {
    return { ...this.#stats };
  }

  /** Layout of the pictures now; the width is 0 until the first header was found. */
  get layout(): PictureLayout {
    return this.#layout;
  }

  /**
   * Queues coded data as soon as a buffer is free; more than a buffer holds goes into several. Resolves to false if a seek
   * came in between. After the end of a drain it starts the decoder again.
   */
  async send(chunk: CodedChunk): Promise<boolean> {
    this.#check();
    const room = this.#coded?.planeLength(0) ?? 0;
    for (let at = 0; at < chunk.bytes.length || at === 0; at += room) {
      const index = await this.#takeInput();
      if (index === undefined) return false;
      const piece = chunk.bytes.subarray(at, at + room);
      this.#coded?.plane(index, 0)?.set(piece);
      this.#watch(this.#coded?.queue(index, { bytesused: [piece.length], timestamp: chunk.timestamp }));
      if (room === 0) break;
    }
    this.#stats.chunks += 1;
    return true;
  }

  /** Drain: every picture of what was sent will come, then `next` answers undefined. */
  async drain(): Promise<void> {
    this.#check();
    if (this.#phase === 'ended') return;
    this.#drain = 'asked';
    // A drain needs both queues (dev-decoder, "Drain"): until CAPTURE streams, whoever sets it up sends it afterwards.
    if (this.#phase === 'streaming') await this.#sendDrain();
    this.#signal.raise();
  }

  async #sendDrain(): Promise<void> {
    this.#drain = 'sent';
    await this.session.decoderCmd(V4L2_DEC_CMD_STOP);
  }

  /**
   * Seek: forgets what was sent and not decoded, and the pictures not taken yet. Also brings a session back whose decoder
   * died. `send` goes on with data from the new place.
   */
  async seek(): Promise<void> {
    const seeking = this.#seek();
    this.#seeking = seeking.catch(() => {});
    try {
      await seeking;
    } finally {
      this.#seeking = undefined;
      this.#signal.raise();
    }
  }

  /**
   * The next picture; undefined at the end of a drain. The picture before goes back to the device. Rejects with
   * `IoctlError` if the device refuses something or the session ends.
   */
  async next(): Promise<ClientPicture | undefined> {
    this.#giveBack();
    for (;;) {
      if (this.#seeking !== undefined) await this.#seeking;
      this.#check();
      switch (this.#phase) {
        case 'header':
          if (!(await this.#header())) return undefined;
          break;
        case 'streaming': {
          if (this.#lastSeen) {
            if (await this.#afterLast()) return undefined;
            break;
          }
          const picture = await this.#dequeuePicture();
          if (picture !== undefined) return picture;
          break;
        }
        case 'ended':
        case 'closed':
          return undefined;
      }
    }
  }

  /** Pictures up to the end of a drain. */
  async *[Symbol.asyncIterator](): AsyncGenerator<ClientPicture, void, undefined> {
    for (let picture = await this.next(); picture !== undefined; picture = await this.next()) yield picture;
  }

  /** Sends all chunks, drains, and gives the pictures meanwhile. What goes wrong on either side rejects the iteration. */
  async *decode(chunks: Iterable<CodedChunk> | AsyncIterable<CodedChunk>): AsyncGenerator<ClientPicture, void, undefined> {
    // Whoever asks for pictures now means those of these chunks, not the end of the drain before.
    if (this.#phase === 'ended') await this.#restart();
    const feeding = { stopped: false };
    const feed = (async (): Promise<void> => {
      for await (const chunk of chunks) {
        if (feeding.stopped || !(await this.send(chunk))) return;
      }
      if (!feeding.stopped) await this.drain();
    })().catch((error: unknown) => this.#fail(error));
    try {
      yield* this;
    } finally {
      feeding.stopped = true;
      if (this.#phase === 'ended') await feed;
    }
  }

  /** Ends the session; its buffers and mappings go. */
  async close(): Promise<void> {
    if (this.#phase === 'closed') return;
    this.#phase = 'closed';
    this.#signal.raise();
    const sets = [this.#coded, this.#pictures];
    await this.session.close();
    // Mappings outlive the session (VM-D6): they are released one by one.
    for (const set of sets) await set?.release();
  }

  async #initialise(): Promise<void> {
    const { session } = this;
    await session.subscribeEvent(V4L2_EVENT_SOURCE_CHANGE);
    try {
      await session.subscribeEvent(V4L2_EVENT_EOS);
    } catch (error) {
      // The document calls EOS deprecated: LAST says the same.
      if (!(error instanceof IoctlError)) throw error;
    }
    const format = await session.sFmt({
      type: this.#input,
      pixelformat: this.#o.coded,
      planes: [{ bytesPerLine: 0, sizeImage: this.#o.inputSize ?? 1 << 20 }],
    });
    if (format.pixelformat !== this.#o.coded)
      throw new IoctlError('VIDIOC_S_FMT', Errno.EINVAL, 'the device does not decode this format');
    this.#coded = await BufferSet.create(session, format, this.#o.inputBuffers ?? 8, this.#o.inputMemory ?? 'mmap', 'read-write');
    this.#freeInputs = Array.from({ length: this.#coded.count }, (_, i) => i);
    for (const type of [this.#input, this.#output]) session.queue(type).onFinished = () => this.#signal.raise();
    session.onEvent = () => this.#takeEvents();
    session.onError((error) => this.#fail(error));
    await session.streamon(this.#input);
  }

  /**
   * Takes V4L2 events the moment they come: whoever looks at a buffer, or at how many the device still has, knows what came
   * before. (An event that is waited for is known a microtask later, and many buffers may come in one interrupt.)
   */
  #takeEvents(): void {
    for (let event = this.session.tryNextEvent(); event !== undefined; event = this.session.tryNextEvent()) {
      if (event.type === V4L2_EVENT_SOURCE_CHANGE && (event.changes & V4L2_EVENT_SRC_CH_RESOLUTION) !== 0)
        this.#sourceChanged = true;
      if (event.type === V4L2_EVENT_EOS) this.#endOfStream = true;
    }
    this.#signal.raise();
  }

  /** Waits for the first header, or the next format, and sets CAPTURE up. False: the stream ended without one. */
  async #header(): Promise<boolean> {
    while (!this.#sourceChanged) {
      if (this.#seeking !== undefined) return true;
      this.#check();
      // A decoder that used up everything without finding a header has no picture to give.
      const usedUp = this.#drain === 'asked' && this.session.queue(this.#input).queued === 0;
      if (usedUp || (this.#drain === 'sent' && this.#endOfStream)) {
        this.#finishDrain();
        return false;
      }
      await this.#signal.wait();
      if ((this.#phase as ClientPhase) === 'closed') return false;
    }
    await this.#setUpCapture();
    return true;
  }

  /** CAPTURE set-up, steps 1 to 11 of the document. */
  async #setUpCapture(): Promise<void> {
    const { session } = this;
    this.#sourceChanged = false;
    let format = await session.gFmt(this.#output);
    const wanted = this.#o.output;
    if (wanted !== undefined && format.pixelformat !== wanted)
      format = await session.sFmt({ ...format, pixelformat: wanted, planes: [] });
    if (wanted !== undefined && format.pixelformat !== wanted) {
      throw new IoctlError('VIDIOC_S_FMT', Errno.EINVAL, 'the device does not give the pixel format that was asked for');
    }
    this.#layout = layoutOf(format);
    this.#visible = await optional(session.gSelection(this.#selectionType, V4L2_SEL_TGT_COMPOSE), {
      left: 0,
      top: 0,
      width: format.width,
      height: format.height,
    });
    const minimum = await optional(session.gCtrl(V4L2_CID_MIN_BUFFERS_FOR_CAPTURE), UNKNOWN_MINIMUM);
    const count = minimum + (this.#o.extraOutputs ?? 4);
    this.#pictures = await BufferSet.create(session, format, count, this.#o.memory ?? 'mmap', 'read');
    for (let index = 0; index < this.#pictures.count; index++) this.#watch(this.#pictures.queue(index));
    await session.streamon(this.#output);
    this.#phase = 'streaming';
    if (this.#drain === 'asked') await this.#sendDrain();
  }

  async #dequeuePicture(): Promise<ClientPicture | undefined> {
    let buffer: BufferState | undefined;
    try {
      // Not a blocking DQBUF: a QBUF that the device refuses meanwhile leaves it with no buffer that could ever come back.
      buffer = this.session.tryDqbuf(this.#output);
    } catch (error) {
      // A seek stops the queue under us, and goes on with it afterwards.
      if (this.#seeking !== undefined && error instanceof IoctlError && error.errno === Errno.EINVAL) return undefined;
      if (this.#phase === 'closed') return undefined;
      throw error;
    }
    if (buffer === undefined) {
      await this.#signal.wait();
      return undefined;
    }
    const last = (buffer.flags & V4L2_BUF_FLAG_LAST) !== 0;
    this.#lastSeen = last;
    const used = buffer.planes.some((plane) => plane.bytesused > 0);
    const error = (buffer.flags & V4L2_BUF_FLAG_ERROR) !== 0;
    this.#idle.push(buffer.index);
    if (!used && (last || !error)) {
      this.#giveBack();
      return undefined;
    }
    this.#stats.pictures += 1;
    const bytes = this.#pictures?.bytes(buffer.index) ?? [];
    return {
      layout: this.#layout,
      visible: this.#visible,
      timestamp: buffer.timestamp,
      planes: buffer.planes.map((plane, i) => bytes[i]?.subarray(plane.dataOffset, plane.bytesused) ?? new Uint8Array(0)),
      sequence: buffer.sequence,
      field: buffer.field,
      flags: buffer.flags,
      error,
    };
  }

  /** LAST was dequeued: the end of a drain (true), or of the old resolution. */
  async #afterLast(): Promise<boolean> {
    // The event goes out before the buffer; a device that has it the other way round is waited for.
    while (!this.#sourceChanged && this.#drain !== 'sent') {
      this.#check();
      if (this.#seeking !== undefined) return false;
      await this.#signal.wait();
      if (this.#phase === 'closed') return true;
    }
    if (!this.#sourceChanged) {
      this.#finishDrain();
      return true;
    }
    this.#stats.resolutionChanges += 1;
    this.#lastSeen = false;
    this.#phase = 'header';
    await this.session.streamoff(this.#output);
    this.#idle.length = 0;
    await this.#pictures?.release();
    this.#pictures = undefined;
    return false;
  }

  #finishDrain(): void {
    this.#phase = 'ended';
    this.#drain = 'no';
    this.#endOfStream = false;
    this.#signal.raise();
  }

  /** A coded buffer to fill; undefined if a seek took the queue away. */
  async #takeInput(): Promise<number | undefined> {
    if (this.#phase === 'ended') await this.#restart();
    return this.#freeInputs.pop() ?? this.#dequeueInput();
  }

  async #dequeueInput(): Promise<number | undefined> {
    try {
      return (await this.session.dqbuf(this.#input)).index;
    } catch (error) {
      if (error instanceof IoctlError && error.errno === Errno.EINVAL) return undefined;
      throw error;
    }
  }

  /** More data after a drain: DECODER_CMD START, and the buffers that came back with LAST are queued again. */
  async #restart(): Promise<void> {
    await this.session.decoderCmd(V4L2_DEC_CMD_START);
    this.#lastSeen = false;
    this.#phase = this.#pictures === undefined ? 'header' : 'streaming';
    this.#giveBack();
  }

  /** STREAMOFF and STREAMON of CAPTURE, with all its buffers queued. False if it was not set up. */
  async #restartCapture(): Promise<boolean> {
    const pictures = this.#pictures;
    if (pictures === undefined) return false;
    this.#idle.length = 0;
    await this.session.streamoff(this.#output);
    for (let index = 0; index < pictures.count; index++) this.#watch(pictures.queue(index));
    await this.session.streamon(this.#output);
    return true;
  }

  async #seek(): Promise<void> {
    await this.session.streamoff(this.#input);
    this.#freeInputs = Array.from({ length: this.#coded?.count ?? 0 }, (_, i) => i);
    this.#drain = 'no';
    this.#endOfStream = false;
    this.#failure = undefined;
    await this.session.streamon(this.#input);
    // A format change that was told stands; it is gone through when the next picture is asked for.
    if (this.#sourceChanged && this.#phase === 'streaming') return;
    const streams = await this.#restartCapture();
    this.#lastSeen = false;
    if (this.#phase === 'ended' || this.#phase === 'streaming') this.#phase = streams ? 'streaming' : 'header';
  }

  /** Queues the buffers that are back in our hands, unless the queue has come to its LAST buffer. */
  #giveBack(): void {
    if (this.#lastSeen || this.#phase !== 'streaming') return;
    for (const index of this.#idle.splice(0)) this.#watch(this.#pictures?.queue(index));
  }

  /** Commands that are not waited for: what goes wrong is told by the next call. */
  #watch(command: Promise<unknown> | undefined): void {
    command?.catch((error: unknown) => this.#fail(error));
  }

  #fail(error: unknown): void {
    this.#failure ??= error;
    this.#signal.raise();
  }

  #check(): void {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#phase === 'closed') throw new IoctlError('decode', Errno.EBADF, 'the client is closed');
  }
}

/** Picture buffers for a device that does not say how many it needs: the reference pictures of any stream, and one. */
const UNKNOWN_MINIMUM = 17;

/** What the device answers, or `otherwise` where it does not have such a thing. */
async function optional<T>(asked: Promise<T>, otherwise: T): Promise<T> {
  try {
    return await asked;
  } catch (error) {
    if (error instanceof IoctlError && (error.errno === Errno.ENOTTY || error.errno === Errno.EINVAL)) return otherwise;
    throw error;
  }
}
