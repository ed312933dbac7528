// SPDX-License-Identifier: Apache-2.0
/** A program that plays into an output: configure, start, write frames, stop. */
import type { PictureLayout } from '../../picture/index.ts';
import { Errno } from '../../wire/errno.gen.ts';
import {
  V4L2_BUF_FLAG_ERROR,
  V4L2_BUF_TYPE_VIDEO_OUTPUT,
  V4L2_BUF_TYPE_VIDEO_OUTPUT_MPLANE,
  V4L2_CAP_VIDEO_OUTPUT,
} from '../../wire/v4l2/videodev2-constants.gen.ts';
import { type BufferKind, BufferSet } from '../media/buffer-set.ts';
import type { DriverSession } from '../media/driver-session.ts';
import { layoutOf } from '../media/formats.ts';
import type { MediaDriver } from '../media/media-driver.ts';
import { IoctlError } from '../rings/errors.ts';
import { type PictureFormat, type PictureRequest, setPictureFormat } from './picture-format.ts';

/** Options of an output client. */
export interface OutputClientOptions {
  /** which API; default: single-planar where the device has it */
  readonly mplane?: boolean;
  /** buffers in flight; default 4 */
  readonly buffers?: number;
  /** default 'mmap' */
  readonly memory?: BufferKind;
}

/** A buffer that came back from the device. */
export interface PlayedBuffer {
  readonly index: number;
  readonly sequence: number;
  readonly flags: number;
  readonly error: boolean;
}

/** See the top of the file. */
export class OutputClient {
  readonly session: DriverSession;
  /** V4L2_BUF_TYPE_* of its queue */
  readonly type: number;
  readonly #o: OutputClientOptions;
  #buffers: BufferSet | undefined;
  #layout: PictureLayout = { fourcc: 0, width: 0, height: 0, colours: [], sizes: [] };
  #state: 'idle' | 'streaming' | 'closed' = 'idle';
  /** indices of buffers that the program has */
  readonly #free: number[] = [];

  private constructor(session: DriverSession, type: number, o: OutputClientOptions) {
    this.session = session;
    this.type = type;
    this.#o = o;
  }

  /** Opens a session. Rejects with `IoctlError`. */
  static async open(driver: MediaDriver, o: OutputClientOptions = {}): Promise<OutputClient> {
    const mplane = o.mplane ?? (driver.config.deviceCaps & V4L2_CAP_VIDEO_OUTPUT) === 0;
    return new OutputClient(await driver.open(), mplane ? V4L2_BUF_TYPE_VIDEO_OUTPUT_MPLANE : V4L2_BUF_TYPE_VIDEO_OUTPUT, o);
  }

  /** S_FMT and S_PARM. The device adjusts what it cannot do: look at the answer. */
  configure(request: PictureRequest = {}): Promise<PictureFormat> {
    return setPictureFormat(this.session, this.type, request);
  }

  /** What is to be written. */
  get layout(): PictureLayout {
    return this.#layout;
  }

  /** Makes buffers and starts. Rejects with `IoctlError`. */
  async start(): Promise<void> {
    await this.#buffers?.release();
    const format = await this.session.gFmt(this.type);
    this.#layout = layoutOf(format);
    this.#buffers = await BufferSet.create(this.session, format, this.#o.buffers ?? 4, this.#o.memory ?? 'mmap', 'read-write');
    this.#free.splice(0, this.#free.length, ...Array.from({ length: this.#buffers.count }, (_, index) => index));
    await this.session.streamon(this.type);
    this.#state = 'streaming';
  }

  /**
   * Queues a frame, one array per memory plane, as soon as a buffer is free. Resolves to the buffer that came back for it, undefined if
   * one was free. Rejects with `IoctlError` when the stream was stopped (EINVAL), the session ends, or the device refuses the buffer.
   */
  async write(...planes: readonly Uint8Array[]): Promise<PlayedBuffer | undefined> {
    const buffers = this.#streaming();
    const back = this.#free.length > 0 ? undefined : await this.#taken();
    const index = this.#free.shift() ?? 0;
    try {
      for (const [i, bytes] of planes.entries()) buffers.plane(index, i)?.set(bytes);
      await buffers.queue(index, { bytesused: planes.map((bytes) => bytes.length) });
    } catch (error) {
      this.#free.push(index);
      throw error;
    }
    return back;
  }

  /** Waits until the device has taken all that was written. */
  async drain(): Promise<PlayedBuffer[]> {
    const buffers = this.#streaming();
    const back: PlayedBuffer[] = [];
    while (this.#free.length < buffers.count) back.push(await this.#taken());
    return back;
  }

  /** STREAMOFF; the buffers go, and what the device has not taken yet is not played. */
  async stop(): Promise<void> {
    if (this.#state === 'closed' || this.#buffers === undefined) return;
    this.#state = 'idle';
    await this.session.streamoff(this.type);
    await this.#buffers.release();
    this.#buffers = undefined;
  }

  /** Ends the session; mappings that are left are released one by one (VM-D6). */
  async close(): Promise<void> {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    await this.session.close();
    await this.#buffers?.release();
  }

  #streaming(): BufferSet {
    if (this.#state === 'streaming' && this.#buffers !== undefined) return this.#buffers;
    throw new IoctlError('QBUF', Errno.EINVAL, 'the output does not stream');
  }

  async #taken(): Promise<PlayedBuffer> {
    const { index, sequence, flags } = await this.session.dqbuf(this.type);
    this.#free.push(index);
    return { index, sequence, flags, error: (flags & V4L2_BUF_FLAG_ERROR) !== 0 };
  }
}
