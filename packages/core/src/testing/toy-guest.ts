// SPDX-License-Identifier: Apache-2.0
/**
 * A guest with a decoder of toy streams, all in this heap, for tests that walk through the steps of dev-decoder one by one
 * (programs use `StatefulDecoderClient`).
 */
import { DecoderDevice } from '../device/decoder/decoder-device.ts';
import type { DeviceLimits } from '../device/framework/limits.ts';
import {
  type BufferKind,
  BufferSet,
  type BufferState,
  type DriverFormat,
  type DriverSession,
  IoctlError,
  MediaDriver,
  type MediaEvent,
} from '../driver/index.ts';
import type { CodecId } from '../ports/index.ts';
import type { InProcessTransport } from '../virtio-device/in-process-transport.ts';
import { Errno } from '../wire/errno.gen.ts';
import {
  V4L2_BUF_FLAG_ERROR,
  V4L2_BUF_FLAG_LAST,
  V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE,
  V4L2_BUF_TYPE_VIDEO_OUTPUT_MPLANE,
  V4L2_EVENT_EOS,
  V4L2_EVENT_SOURCE_CHANGE,
} from '../wire/v4l2/videodev2-constants.gen.ts';
import { ManualClock } from './manual-clock.ts';
import { mediaTransport } from './media-transport.ts';
import { ToyDecoderFactory } from './toy-decoder.ts';
import { TOY_FOURCC, toyHeader, toyPlanes } from './toy-stream.ts';

const OUTPUT = V4L2_BUF_TYPE_VIDEO_OUTPUT_MPLANE;
const CAPTURE = V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE;

/** Options of a `ToyGuest`. */
export interface ToyGuestOptions {
  readonly codecs?: readonly CodecId[];
  /** decoders that may live at a time */
  readonly streams?: number;
  readonly limits?: Partial<DeviceLimits>;
}

/** The guest: transport, driver and device. */
export class ToyGuest {
  readonly transport: InProcessTransport;
  readonly factory: ToyDecoderFactory;
  readonly device: DecoderDevice;
  readonly driver: MediaDriver;

  private constructor(transport: InProcessTransport, factory: ToyDecoderFactory, device: DecoderDevice, driver: MediaDriver) {
    this.transport = transport;
    this.factory = factory;
    this.device = device;
    this.driver = driver;
  }

  /** Starts everything. */
  static async start(o: ToyGuestOptions = {}): Promise<ToyGuest> {
    const made: { factory?: ToyDecoderFactory; device?: DecoderDevice } = {};
    const transport = mediaTransport({
      device: ({ arena, access }) => {
        const factory = new ToyDecoderFactory({
          access,
          ...(o.codecs && { codecs: o.codecs }),
          ...(o.streams !== undefined && { limit: o.streams }),
        });
        const clock = new ManualClock();
        const device = new DecoderDevice({ factory, buffers: arena, clock, ...(o.limits && { limits: o.limits }) });
        Object.assign(made, { factory, device });
        return device;
      },
    });
    const { factory, device } = made;
    if (factory === undefined || device === undefined) throw new TypeError('the transport made no device');
    return new ToyGuest(transport, factory, device, await MediaDriver.attach(transport));
  }

  /** A session that listens to both events of a decoder, or to none. */
  async open(listen: 'listen' | 'deaf' = 'listen'): Promise<ToyClient> {
    const session = await this.driver.open();
    if (listen === 'listen') for (const type of [V4L2_EVENT_SOURCE_CHANGE, V4L2_EVENT_EOS]) await session.subscribeEvent(type);
    return new ToyClient(session);
  }

  /** Lets everything run that can run without a new command. */
  async rest(): Promise<void> {
    for (let i = 0; i < 400; i++) await Promise.resolve();
  }

  async close(): Promise<void> {
    await this.transport.close();
  }

  /** Has a session decode 64x48, or what `header` says, with `count` picture buffers queued. Coded buffer 0 is used up. */
  async startDecoding(client: ToyClient, count = 4, header = toyHeader()): Promise<void> {
    await client.startOutput();
    await client.send(0, header);
    await this.rest();
    await client.startCapture({ count });
    await this.rest();
    client.events();
    client.returned();
  }

  /** Numbers of the pictures that are there when all is done; `last` and `error` for buffers without one. */
  async pictures(client: ToyClient): Promise<(number | string)[]> {
    await this.rest();
    return client.shown().map(({ number, flags }) => {
      if (number !== undefined) return number;
      return (flags & V4L2_BUF_FLAG_LAST) !== 0 ? 'last' : (flags & V4L2_BUF_FLAG_ERROR) !== 0 ? 'error' : 'empty';
    });
  }
}

/** One picture buffer as it came back. */
export interface ToyShown {
  readonly index: number;
  /** display number; undefined for an empty buffer, or if the bytes are not those of a toy picture */
  readonly number: number | undefined;
  /** number that was made into the timestamp, by `toyStamp` */
  readonly stamp: number;
  readonly flags: number;
  readonly field: number;
  readonly sequence: number;
}

/** A timestamp with bits all over its 16 bytes, by number; `stampNumber` is the way back. */
export function toyStamp(number: number): Uint8Array {
  const bytes = new Uint8Array(16).fill(0xf0);
  new DataView(bytes.buffer).setUint32(4, number, true);
  return bytes;
}

/** The number of a timestamp; -1 if it is all zero, NaN if it was not made by `toyStamp`. */
export function stampNumber(stamp: Uint8Array): number {
  if (stamp.every((byte) => byte === 0)) return -1;
  const number = new DataView(stamp.buffer, stamp.byteOffset).getUint32(4, true);
  return toyStamp(number).every((byte, i) => byte === stamp[i]) ? number : Number.NaN;
}

/** A session of a toy guest, with its buffers. */
export class ToyClient {
  readonly session: DriverSession;
  coded: BufferSet | undefined;
  raw: BufferSet | undefined;
  /** format of CAPTURE when its buffers were made */
  format: DriverFormat | undefined;

  constructor(session: DriverSession) {
    this.session = session;
  }

  /** S_FMT, REQBUFS and STREAMON of OUTPUT. */
  async startOutput(
    o: { count?: number; width?: number; height?: number; kind?: BufferKind; coded?: number } = {},
  ): Promise<void> {
    const planes = [{ bytesPerLine: 0, sizeImage: 4096 }];
    const { width = 0, height = 0 } = o;
    const format = await this.session.sFmt({ type: OUTPUT, pixelformat: o.coded ?? TOY_FOURCC, width, height, planes });
    this.coded = await BufferSet.create(this.session, format, o.count ?? 8, o.kind ?? 'mmap', 'read-write');
    await this.session.streamon(OUTPUT);
  }

  /** Fills and queues a coded buffer; `stamp` goes into its timestamp. */
  async send(index: number, bytes: Uint8Array, stamp = index, flags = 0): Promise<void> {
    this.coded?.plane(index, 0)?.set(bytes);
    await this.coded?.queue(index, { bytesused: [bytes.length], timestamp: toyStamp(stamp), flags });
  }

  /** G_FMT (or S_FMT), REQBUFS, QBUF of all and STREAMON of CAPTURE. */
  async startCapture(o: { count?: number; fourcc?: number; kind?: BufferKind } = {}): Promise<void> {
    const current = await this.session.gFmt(CAPTURE);
    this.format = o.fourcc === undefined ? current : await this.session.sFmt({ ...current, pixelformat: o.fourcc });
    this.raw = await BufferSet.create(this.session, this.format, o.count ?? 4, o.kind ?? 'mmap', 'read');
    await this.queueAll();
    await this.session.streamon(CAPTURE);
  }

  /** Queues every picture buffer, in one go. */
  async queueAll(): Promise<void> {
    await Promise.all(Array.from({ length: this.raw?.count ?? 0 }, (_, index) => this.raw?.queue(index)));
  }

  /** STREAMOFF and REQBUFS(0) of CAPTURE. */
  async endCapture(): Promise<void> {
    await this.session.streamoff(CAPTURE);
    await this.raw?.release();
    this.raw = undefined;
  }

  /** Dequeues every picture buffer that is there, up to LAST; each is checked against its number. */
  shown(): ToyShown[] {
    const all: ToyShown[] = [];
    for (;;) {
      const buffer = this.#dequeue(CAPTURE);
      if (buffer === undefined) return all;
      const { index, flags, field, sequence } = buffer;
      const used = buffer.planes.map((plane, i) => this.raw?.plane(index, i)?.slice(0, plane.bytesused) ?? new Uint8Array(0));
      all.push({ index, number: this.#number(used), stamp: stampNumber(buffer.timestamp), flags, field, sequence });
    }
  }

  /** Dequeues every coded buffer that is there: index and flags. */
  returned(): { readonly index: number; readonly flags: number }[] {
    const all: { index: number; flags: number }[] = [];
    for (;;) {
      const buffer = this.#dequeue(OUTPUT);
      if (buffer === undefined) return all;
      all.push({ index: buffer.index, flags: buffer.flags });
    }
  }

  /** Takes every V4L2 event that is there. */
  events(): MediaEvent[] {
    const all: MediaEvent[] = [];
    for (let event = this.session.tryNextEvent(); event !== undefined; event = this.session.tryNextEvent()) all.push(event);
    return all;
  }

  /** DQBUF that has nothing to say about queues that are off, or at their LAST buffer (EPIPE). */
  #dequeue(type: number): BufferState | undefined {
    try {
      return this.session.queue(type).done > 0 ? this.session.tryDqbuf(type) : undefined;
    } catch (error) {
      if (error instanceof IoctlError && error.errno === Errno.EPIPE) return undefined;
      throw error;
    }
  }

  /** The bytes of a toy picture follow from its number and the sizes of its planes. */
  #number(used: readonly Uint8Array[]): number | undefined {
    const [first] = used;
    if (first === undefined || first.length < 4) return undefined;
    const number = new DataView(first.buffer, first.byteOffset).getUint32(0, true);
    const right = toyPlanes({ sizes: used.map((plane) => plane.length) }, number);
    return right.every((plane, i) => plane.every((byte, j) => byte === used[i]?.[j])) ? number : undefined;
  }
}
