// SPDX-License-Identifier: Apache-2.0
/** A program that uses a camera: configure, start, take frames, stop. */
import type { PictureLayout } from '../../picture/index.ts';
import { Errno } from '../../wire/errno.gen.ts';
import {
  V4L2_BUF_FLAG_ERROR,
  V4L2_BUF_TYPE_VIDEO_CAPTURE,
  V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE,
  V4L2_CAP_VIDEO_CAPTURE,
} from '../../wire/v4l2/videodev2-constants.gen.ts';
import { type BufferKind, BufferSet } from '../media/buffer-set.ts';
import { type BufferState, timestampMicros } from '../media/buffers.ts';
import type { DriverSession } from '../media/driver-session.ts';
import { layoutOf } from '../media/formats.ts';
import type { MediaDriver } from '../media/media-driver.ts';
import { IoctlError } from '../rings/errors.ts';
import { type PictureFormat, type PictureRequest, setPictureFormat } from './picture-format.ts';

/** Options of a capture client. */
export interface CaptureClientOptions {
  /** which API; default: single-planar where the device has it */
  readonly mplane?: boolean;
  /** buffers in flight; default 4 */
  readonly buffers?: number;
  /** default 'mmap' */
  readonly memory?: BufferKind;
}

/** A frame in the device's buffer: its planes are valid until the next frame is asked for. */
export interface ClientFrame {
  readonly layout: PictureLayout;
  /** one per memory plane, the bytes used */
  readonly planes: readonly Uint8Array[];
  readonly sequence: number;
  /** microseconds of the device's monotonic clock */
  readonly timestamp: number;
  readonly field: number;
  readonly flags: number;
  readonly error: boolean;
}

/** See the top of the file. */
export class CaptureClient {
  readonly session: DriverSession;
  /** V4L2_BUF_TYPE_* of its queue */
  readonly type: number;
  readonly #o: CaptureClientOptions;
  #buffers: BufferSet | undefined;
  #layout: PictureLayout = { fourcc: 0, width: 0, height: 0, colours: [], sizes: [] };
  #state: 'idle' | 'streaming' | 'closed' = 'idle';
  #lent: number | undefined;
  /** the device refused a buffer */
  #failure: unknown;
  /** tells whoever waits for a frame of it: with every buffer refused none would come */
  #refused: ((error: unknown) => void) | undefined;

  private constructor(session: DriverSession, type: number, o: CaptureClientOptions) {
    this.session = session;
    this.type = type;
    this.#o = o;
  }

  /** Opens a session. Rejects with `IoctlError`. */
  static async open(driver: MediaDriver, o: CaptureClientOptions = {}): Promise<CaptureClient> {
    const mplane = o.mplane ?? (driver.config.deviceCaps & V4L2_CAP_VIDEO_CAPTURE) === 0;
    return new CaptureClient(await driver.open(), mplane ? V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE : V4L2_BUF_TYPE_VIDEO_CAPTURE, o);
  }

  /** S_FMT and S_PARM. The device adjusts what it cannot do: look at the answer. */
  async configure(request: PictureRequest = {}): Promise<PictureFormat> {
    const format = await setPictureFormat(this.session, this.type, request);
    this.#layout = format.layout;
    return format;
  }

  /** Makes buffers, queues them all and starts. Rejects with `IoctlError`; what was queued stays so until `stop`, or the next start. */
  async start(): Promise<void> {
    await this.#buffers?.release();
    const format = await this.session.gFmt(this.type);
    this.#layout = layoutOf(format);
    this.#buffers = await BufferSet.create(this.session, format, this.#o.buffers ?? 4, this.#o.memory ?? 'mmap', 'read');
    for (let index = 0; index < this.#buffers.count; index++) this.#watch(this.#buffers.queue(index));
    await this.session.streamon(this.type);
    this.#state = 'streaming';
  }

  /**
   * The next frame; the one before goes back to the device. Rejects with `IoctlError` when the stream was stopped (EINVAL),
   * the session ends, or the device refuses a buffer.
   */
  async next(): Promise<ClientFrame> {
    if (this.#lent !== undefined) this.#watch(this.#buffers?.queue(this.#lent));
    this.#lent = undefined;
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#state !== 'streaming') throw new IoctlError('DQBUF', Errno.EINVAL, 'the camera does not stream');
    const finished = this.session.dqbuf(this.type);
    const buffer = await new Promise<BufferState>((resolve, reject) => {
      this.#refused = reject;
      finished.then(resolve, reject);
    });
    this.#refused = undefined;
    this.#lent = buffer.index;
    const bytes = this.#buffers?.bytes(buffer.index) ?? [];
    return {
      layout: this.#layout,
      planes: buffer.planes.map((plane, i) => bytes[i]?.subarray(plane.dataOffset, plane.bytesused) ?? new Uint8Array(0)),
      sequence: buffer.sequence,
      timestamp: timestampMicros(buffer.timestamp),
      field: buffer.field,
      flags: buffer.flags,
      error: (buffer.flags & V4L2_BUF_FLAG_ERROR) !== 0,
    };
  }

  /** Frames until the user has enough. */
  async *[Symbol.asyncIterator](): AsyncGenerator<ClientFrame, void, undefined> {
    while (this.#state === 'streaming') yield await this.next();
  }

  /** Current value of an integer, boolean or menu control. */
  control(id: number): Promise<number> {
    return this.session.gCtrl(id);
  }

  /** Sets such a control; resolves to the value that the device took. */
  setControl(id: number, value: number): Promise<number> {
    return this.session.sCtrl(id, value);
  }

  /** STREAMOFF; the buffers go. */
  async stop(): Promise<void> {
    if (this.#state === 'closed' || this.#buffers === undefined) return;
    this.#state = 'idle';
    await this.session.streamoff(this.type);
    // What was taken or refused before is known by now: it was of this stream.
    this.#lent = undefined;
    this.#failure = undefined;
    await this.#buffers?.release();
    this.#buffers = undefined;
  }

  /** Ends the session; mappings that are left are released one by one (VM-D6). */
  async close(): Promise<void> {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    await this.session.close();
    await this.#buffers?.release();
  }

  #watch(command: Promise<unknown> | undefined): void {
    command?.catch((error: unknown) => {
      this.#failure ??= error;
      this.#refused?.(error);
    });
  }
}
