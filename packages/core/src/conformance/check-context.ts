// SPDX-License-Identifier: Apache-2.0
/** What checks work with: the driver, sessions that are closed for them, bytes on the wire, and waiting without timers. */

import { StatefulDecoderClient } from '../driver/clients/decoder-client.ts';
import type { CodedChunk } from '../driver/clients/decoder-client-types.ts';
import type { BufferKind } from '../driver/media/buffer-set.ts';
import type { ControlDescription } from '../driver/media/controls.ts';
import type { DriverSession } from '../driver/media/driver-session.ts';
import type { DriverFormat } from '../driver/media/formats.ts';
import { MediaDriver, type MediaDriverOptions } from '../driver/media/media-driver.ts';
import { errnoName, IoctlError } from '../driver/rings/errors.ts';
import type { RawReply, RawRequest } from '../driver/rings/raw-request.ts';
import { formatInfo } from '../picture/index.ts';
import type { Clock } from '../ports/clock.ts';
import type { DriverTransport } from '../virtio-device/driver-transport.ts';
import { Errno } from '../wire/errno.gen.ts';
import { VIRTIO_MEDIA_EVT_ERROR } from '../wire/media/virtio-media.ts';
import { IOCTLS } from '../wire/v4l2/ioctls.gen.ts';
import {
  V4L2_BUF_TYPE_VIDEO_CAPTURE,
  V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE,
  V4L2_BUF_TYPE_VIDEO_OUTPUT,
  V4L2_BUF_TYPE_VIDEO_OUTPUT_MPLANE,
  V4L2_CAP_VIDEO_CAPTURE,
  V4L2_CAP_VIDEO_CAPTURE_MPLANE,
  V4L2_CAP_VIDEO_M2M,
  V4L2_CAP_VIDEO_M2M_MPLANE,
  V4L2_CAP_VIDEO_OUTPUT,
  V4L2_CAP_VIDEO_OUTPUT_MPLANE,
  V4L2_CTRL_FLAG_DISABLED,
  V4L2_CTRL_FLAG_NEXT_CTRL,
} from '../wire/v4l2/videodev2-constants.gen.ts';
import { closeCommand, ioctlCommand } from './commands.ts';
import type { DeviceKind } from './device-kind.ts';
import { CheckFailure, must, skip } from './verdict.ts';

/** A coded stream that a decoder is tried with. */
export interface TestStream {
  /** V4L2 pixel format */
  readonly coded: number;
  /** one access unit each */
  readonly chunks: readonly Uint8Array[];
  /** pictures in it, where known */
  readonly pictures?: number;
}

/** What the runner of the suite needs of its surroundings. */
export interface ConformanceOptions {
  /** measures all timeouts */
  readonly clock: Clock;
  /** Lets a few milliseconds pass: in tests, moves what stands still (clock, camera). */
  readonly pause: () => Promise<void>;
  /** streams for decoders; without one that fits, the checks that need it are skipped */
  readonly streams?: readonly TestStream[];
  /** makes the device send EVT_ERROR for a session; only tests can */
  readonly provokeError?: (session: number) => void;
  /** largest guest page size that `mem_offset` and `driver_addr` are checked for; default 4096 */
  readonly pageSize?: number;
  /** called after each check */
  readonly onResult?: (result: { readonly ids: readonly string[]; readonly title: string; readonly outcome: string }) => void;
}

/** A session id that no device gave out: ids are small numbers in every device that there is. */
export const UNUSED_SESSION = 0x7ead_beef;

/** Microseconds that a device may take for what should happen at once. */
const PATIENCE = 4_000_000;
const SIZES = new Map<number, number>(IOCTLS.map((info) => [info.nr, info.size]));

/** See the top of the file. One for a run of the suite. */
export class CheckContext {
  readonly transport: DriverTransport;
  readonly options: ConformanceOptions;
  /** the OPEN that was in the command ring when it was started; until another command is sent, no doorbell was rung for it */
  readonly openAtStart: Promise<DriverSession>;
  /** events of the whole run that broke the device's promise never to send EVT_ERROR */
  errorEvents = 0;
  #driver: MediaDriver;
  readonly #cleanups: (() => Promise<unknown>)[] = [];

  private constructor(
    transport: DriverTransport,
    driver: MediaDriver,
    options: ConformanceOptions,
    openAtStart: Promise<DriverSession>,
  ) {
    this.openAtStart = openAtStart;
    this.transport = transport;
    this.options = options;
    this.#driver = driver;
    this.#watchErrors();
  }

  /** Attaches a driver to the transport. */
  static async create(transport: DriverTransport, options: ConformanceOptions): Promise<CheckContext> {
    const driver = await MediaDriver.create(transport, { clock: options.clock });
    const opening = driver.open();
    // The check of this command awaits the promise and reports a failure; without that check it must not be unhandled.
    opening.catch(() => {});
    await driver.start();
    return new CheckContext(transport, driver, options, opening);
  }

  get driver(): MediaDriver {
    return this.#driver;
  }

  /** what kind of device the capabilities promise */
  get kind(): DeviceKind {
    const caps = this.#driver.config.deviceCaps;
    if ((caps & (V4L2_CAP_VIDEO_M2M | V4L2_CAP_VIDEO_M2M_MPLANE)) !== 0) return 'decoder';
    if ((caps & (V4L2_CAP_VIDEO_CAPTURE | V4L2_CAP_VIDEO_CAPTURE_MPLANE)) !== 0) return 'capture';
    return (caps & (V4L2_CAP_VIDEO_OUTPUT | V4L2_CAP_VIDEO_OUTPUT_MPLANE)) !== 0 ? 'output' : 'other';
  }

  /** type of the queue that gives pictures */
  get captureType(): number {
    const caps = this.#driver.config.deviceCaps;
    const single = V4L2_CAP_VIDEO_CAPTURE | V4L2_CAP_VIDEO_M2M;
    return (caps & single) !== 0 ? V4L2_BUF_TYPE_VIDEO_CAPTURE : V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE;
  }

  /** type of the queue that takes coded data, or the pictures of an output */
  get outputType(): number {
    return (this.#driver.config.deviceCaps & (V4L2_CAP_VIDEO_M2M | V4L2_CAP_VIDEO_OUTPUT)) !== 0
      ? V4L2_BUF_TYPE_VIDEO_OUTPUT
      : V4L2_BUF_TYPE_VIDEO_OUTPUT_MPLANE;
  }

  /** types whose buffers can be had without a stream: pictures of a camera or an output, a decoder's coded data */
  get bufferType(): number {
    return this.kind === 'decoder' || this.kind === 'output' ? this.outputType : this.captureType;
  }

  /** memory of buffers that every device with this transport has */
  get bufferKind(): BufferKind {
    return this.transport.sharedLength > 0 ? 'mmap' : 'shared-pages';
  }

  /** A session that is closed when the check is over. */
  async session(): Promise<DriverSession> {
    const session = await this.waitFor(this.#driver.open(), 'the answer to OPEN');
    this.cleanup(() => session.close());
    return session;
  }

  /** Called when the check is over, last one first. */
  cleanup(action: () => Promise<unknown>): void {
    this.#cleanups.push(action);
  }

  /** Whether the device still answers commands. For the runner. */
  async answers(): Promise<boolean> {
    try {
      await this.raw(closeCommand(UNUSED_SESSION), 8);
      return true;
    } catch {
      return false;
    }
  }

  /** Forgets the cleanups: the device is gone. For the runner. */
  abandon(): void {
    this.#cleanups.length = 0;
  }

  /** Runs all cleanups; what they throw is not told. For the runner. */
  async clean(): Promise<void> {
    for (const action of this.#cleanups.splice(0).reverse()) {
      await this.waitFor(action(), 'the clean-up').catch(() => {});
    }
  }

  /** Sends bytes, waits for the answer. */
  raw(readable: Uint8Array, writable: number, shape: Omit<RawRequest, 'readable' | 'writable'> = {}): Promise<RawReply> {
    return this.waitFor(this.#driver.raw({ readable, writable, ...shape }), 'the answer to a command');
  }

  /** An ioctl as bytes: `payload` (default: zeros of the ioctl's size) goes out, and there is room for as much. */
  rawIoctl(
    session: number,
    nr: number,
    payload: Uint8Array = new Uint8Array(SIZES.get(nr) ?? 0),
    shape: Omit<RawRequest, 'readable' | 'writable'> & { readonly room?: number } = {},
  ): Promise<RawReply> {
    const { room, ...rest } = shape;
    return this.raw(ioctlCommand(session, nr, payload), room ?? 8 + payload.length, rest);
  }

  /** Another driver on the same transport for the time of `use`. Sessions of the check are closed first. */
  async withDriver<T>(options: MediaDriverOptions, use: (driver: MediaDriver) => Promise<T>): Promise<T> {
    await this.clean();
    await this.#driver.detach();
    const other = await MediaDriver.create(this.transport, { clock: this.options.clock, ...options });
    try {
      return await use(other);
    } finally {
      await this.clean();
      await other.detach();
      this.#driver = await MediaDriver.attach(this.transport, { clock: this.options.clock });
      this.#watchErrors();
    }
  }

  /** Waits for `promise`; a `CheckFailure` after `micros`. */
  async waitFor<T>(promise: Promise<T>, what: string, micros = PATIENCE): Promise<T> {
    let state: 'pending' | 'settled' = 'pending';
    const settle = (): void => {
      state = 'settled';
    };
    promise.then(settle, settle);
    const end = this.options.clock.now() + micros;
    // The first turn costs nothing where the answer is on its way in microtasks.
    for (let i = 0; i < 20 && this.#pending(state); i++) await Promise.resolve();
    while (this.#pending(state)) {
      if (this.options.clock.now() > end) throw new CheckFailure(`${what} did not come within ${micros / 1_000_000} s`);
      await this.options.pause();
    }
    return promise;
  }

  /** Waits until `done` says so; a `CheckFailure` after `micros`. */
  async until(done: () => boolean, what: string, micros = PATIENCE): Promise<void> {
    const end = this.options.clock.now() + micros;
    while (!done()) {
      if (this.options.clock.now() > end) throw new CheckFailure(`${what} did not happen within ${micros / 1_000_000} s`);
      await this.options.pause();
    }
  }

  /** Lets `micros` pass, for things that must not happen. */
  async quiet(micros = 150_000): Promise<void> {
    const end = this.options.clock.now() + micros;
    while (this.options.clock.now() < end) await this.options.pause();
  }

  /** Copies of all events from now to the end of the check. */
  tap(): Uint8Array[] {
    const events: Uint8Array[] = [];
    const tap = this.#driver.onEvent((bytes) => events.push(bytes));
    this.cleanup(async () => tap[Symbol.dispose]());
    return events;
  }

  /** The format of the queue whose buffers can be had without a stream. */
  async bufferFormat(session: DriverSession): Promise<DriverFormat> {
    return this.waitFor(session.gFmt(this.bufferType), 'the answer to G_FMT');
  }

  /** Controls of the device that match; at most 64. */
  async controls(session: DriverSession, match: (control: ControlDescription) => boolean): Promise<ControlDescription[]> {
    const found: ControlDescription[] = [];
    let id = 0;
    for (let i = 0; i < 64; i++) {
      const asked = session.queryExtCtrl((id | V4L2_CTRL_FLAG_NEXT_CTRL) >>> 0).catch((error: unknown) => {
        // A device without controls need not have the ioctl.
        if (error instanceof IoctlError && error.errno === Errno.ENOTTY) return undefined;
        throw error;
      });
      const control = await this.waitFor(asked, 'the answer to QUERY_EXT_CTRL');
      if (control === undefined) break;
      must(control.id > id, `QUERY_EXT_CTRL with NEXT_CTRL after 0x${id.toString(16)} gave 0x${control.id.toString(16)}`);
      id = control.id;
      if ((control.flags & V4L2_CTRL_FLAG_DISABLED) === 0 && match(control)) found.push(control);
    }
    return found;
  }

  /** Whether the OUTPUT queue of a codec takes raw pictures, as that of an encoder does. */
  async takesPictures(session: DriverSession): Promise<boolean> {
    const format = await this.waitFor(session.enumFmt(this.outputType, 0), 'the answer to ENUM_FMT');
    return (formatInfo(format?.pixelformat ?? 0)?.colourPlanes.length ?? 0) > 0;
  }

  /** A decoder client and a stream that the device decodes; skips the check if there is none. */
  async decoder(
    o: { inputBuffers?: number; memory?: BufferKind; inputMemory?: BufferKind } = {},
    driver: MediaDriver = this.#driver,
  ): Promise<{ client: StatefulDecoderClient; chunks: CodedChunk[]; stream: TestStream }> {
    const session = await this.waitFor(driver.open(), 'the answer to OPEN');
    this.cleanup(() => session.close());
    const coded = new Set<number>();
    for (let index = 0; index < 64; index++) {
      const format = await this.waitFor(session.enumFmt(this.outputType, index), 'the answer to ENUM_FMT');
      if (format === undefined) break;
      coded.add(format.pixelformat);
    }
    const stream = this.options.streams?.find((s) => coded.has(s.coded));
    if (stream === undefined) skip('no test stream is in a format that the device decodes');
    const client = await this.waitFor(
      StatefulDecoderClient.open(driver, {
        coded: stream.coded,
        memory: this.bufferKind,
        inputMemory: this.bufferKind,
        ...o,
      }),
      'the set-up of the decoder',
    );
    this.cleanup(() => client.close());
    return { client, stream, chunks: stream.chunks.map((bytes, i) => ({ bytes, timestamp: stamp(i) })) };
  }

  #pending(state: 'pending' | 'settled'): boolean {
    return state === 'pending';
  }

  #watchErrors(): void {
    this.#driver.onEvent((bytes) => {
      if (bytes.length >= 4 && bytes[0] === VIRTIO_MEDIA_EVT_ERROR && bytes[1] === 0) this.errorEvents += 1;
    });
  }
}

/** A timestamp that no clock would give, with all 16 bytes in use. */
export function stamp(n: number): Uint8Array {
  const bytes = Uint8Array.from({ length: 16 }, (_, i) => (0xa1 + 7 * i) & 0xff);
  new DataView(bytes.buffer).setUint32(3, n, true);
  return bytes;
}

/** `success` or `EINVAL (22)`, for messages. */
export function statusText(status: number | undefined): string {
  return status === undefined ? 'no status' : status === 0 ? 'success' : `${errnoName(status)} (${status})`;
}
