// SPDX-License-Identifier: Apache-2.0
/**
 * The guest's driver of a virtio-media device (VIRTIO 1.4, 5.22), over any `DriverTransport`: what tests, the checker, the
 * benchmarks and the demo use in place of a guest kernel.
 *
 * Life: create --start--> running --detach--> detached; the loss of the transport fails every session.
 */
import { roundUp } from '../../base/index.ts';
import type { Clock } from '../../ports/clock.ts';
import type { DriverTransport, GuestBlock } from '../../virtio-device/driver-transport.ts';
import { type RingLayout, ringBytes } from '../../virtqueue/ring-layout.ts';
import { Errno } from '../../wire/errno.gen.ts';
import {
  VIRTIO_MEDIA_CMD_OPEN,
  VIRTIO_MEDIA_COMMANDQ,
  VIRTIO_MEDIA_EVENTQ,
  VIRTIO_MEDIA_EVT_DQBUF,
  VIRTIO_MEDIA_EVT_ERROR,
  VIRTIO_MEDIA_EVT_EVENT,
  virtio_media_cmd_header,
  virtio_media_config,
  virtio_media_event_dqbuf,
  virtio_media_event_error,
  virtio_media_event_event,
  virtio_media_event_header,
  virtio_media_resp_header,
  virtio_media_resp_open,
} from '../../wire/media/virtio-media.ts';
import { decodeUtf8 } from '../../wire/text.ts';
import { COMMAND_PARTS, CommandChannel, type CommandStats } from '../rings/command-channel.ts';
import { DriverError, IoctlError } from '../rings/errors.ts';
import { EVENT_BYTES, EventChannel } from '../rings/event-channel.ts';
import type { RawReply, RawRequest } from '../rings/raw-request.ts';
import { DriverSession } from './driver-session.ts';

/** What the Linux driver allows a command to take, in microseconds. */
export const COMMAND_TIMEOUT = 5_000_000;

/** Options of the driver. */
export interface MediaDriverOptions {
  /** entries of each ring: a power of two, 4 at least; default 64 */
  readonly queueSize?: number;
  /** event buffers kept posted (VM-RX1); default 16 as the Linux driver has; 0 for tests */
  readonly eventBuffers?: number;
  /** measures timeouts; without one no command ever times out */
  readonly clock?: Clock;
  /** microseconds until a command fails with ETIMEDOUT; default 5 s, as in Linux */
  readonly timeout?: number;
  /** 'shared': answers come back in the memory of the payload, as the Linux driver does it; default 'separate' */
  readonly payloads?: 'shared' | 'separate';
}

/** The configuration space. */
export interface MediaConfig {
  /** V4L2_CAP_* */
  readonly deviceCaps: number;
  /** VFL_TYPE_*; 0 is video */
  readonly deviceType: number;
  readonly card: string;
  /** as read, up to 40 bytes */
  readonly raw: Uint8Array;
}

/** Counters of the driver. */
export interface DriverStats extends CommandStats {
  readonly events: number;
  /** events that were too short, or of a session that is not open */
  readonly strayEvents: number;
}

/** An event as it came: `bytes` is a copy of its used part. */
export type EventTap = (bytes: Uint8Array) => void;

const EVENT_SIZES = new Map<number, number>([
  [VIRTIO_MEDIA_EVT_ERROR, virtio_media_event_error.size],
  [VIRTIO_MEDIA_EVT_DQBUF, virtio_media_event_dqbuf.size],
  [VIRTIO_MEDIA_EVT_EVENT, virtio_media_event_event.size],
]);

/** See the top of the file. */
export class MediaDriver {
  readonly transport: DriverTransport;
  readonly config: MediaConfig;
  readonly #commands: CommandChannel;
  readonly #events: EventChannel;
  readonly #rings: readonly [Ring, Ring];
  readonly #sessions = new Map<number, DriverSession>();
  readonly #taps = new Set<EventTap>();
  readonly #eventStats = { events: 0, strayEvents: 0 };
  #state: 'created' | 'running' | 'detached' = 'created';

  private constructor(transport: DriverTransport, config: MediaConfig, o: MediaDriverOptions) {
    this.transport = transport;
    this.config = config;
    const size = o.queueSize ?? QUEUE_SIZE;
    this.#rings = [ring(transport, size), ring(transport, size)];
    const broken = (error: DriverError): void => this.#end(error);
    this.#events = new EventChannel(
      transport,
      this.#rings[1].layout,
      (bytes, view, used) => this.#event(bytes, view, used),
      broken,
    );
    this.#commands = new CommandChannel(transport, this.#rings[0].layout, {
      clock: o.clock,
      timeout: o.timeout ?? COMMAND_TIMEOUT,
      shared: o.payloads === 'shared',
      beforeCompletion: () => this.#events.drain(false),
      onBroken: broken,
    });
    this.#events.post(o.eventBuffers ?? 16, true);
    void transport.closed.then((reason) => this.#end(new DriverError(`the device is gone: ${reason}`)));
  }

  /**
   * Reads the configuration, makes the rings, posts the event buffers. Nothing is sent before `start`. Rejects with `DriverError` for
   * a ring that could never hold a command.
   */
  static async create(transport: DriverTransport, options: MediaDriverOptions = {}): Promise<MediaDriver> {
    checkQueueSize(options.queueSize ?? QUEUE_SIZE);
    const raw = await transport.readConfig(0, virtio_media_config.size);
    const whole = new Uint8Array(virtio_media_config.size);
    whole.set(raw.subarray(0, whole.length));
    const view = new DataView(whole.buffer);
    const fields = virtio_media_config.fields;
    const config: MediaConfig = {
      deviceCaps: fields.device_caps.get(view, 0),
      deviceType: fields.device_type.get(view, 0),
      card: decodeUtf8(fields.card.get(view, 0)),
      raw,
    };
    return new MediaDriver(transport, config, options);
  }

  /** `create` and `start`. */
  static async attach(transport: DriverTransport, options: MediaDriverOptions = {}): Promise<MediaDriver> {
    const driver = await MediaDriver.create(transport, options);
    await driver.start();
    return driver;
  }

  /** Hands both rings to the device. Commands may be in the ring already: the device looks at it without a doorbell (P16). */
  async start(): Promise<void> {
    if (this.#state !== 'created') throw new DriverError(`a driver starts once; this one is ${this.#state}`);
    this.#state = 'running';
    await this.transport.startQueue(VIRTIO_MEDIA_EVENTQ, this.#rings[1].layout);
    this.#events.started();
    await this.transport.startQueue(VIRTIO_MEDIA_COMMANDQ, this.#rings[0].layout);
    this.#commands.started();
  }

  get stats(): DriverStats {
    return { ...this.#commands.stats, ...this.#eventStats };
  }

  /** sessions that are open */
  get sessions(): number {
    return this.#sessions.size;
  }

  /** OPEN. Rejects with `IoctlError`, or `DriverError` if the id is that of an open session (VM-D1). */
  open(): Promise<DriverSession> {
    return this.#commands.send(
      'OPEN',
      virtio_media_cmd_header.size,
      virtio_media_resp_open.size,
      (bytes, view) => {
        bytes.fill(0);
        virtio_media_cmd_header.fields.cmd.set(view, 0, VIRTIO_MEDIA_CMD_OPEN);
      },
      (reply) => {
        if (reply.used < virtio_media_resp_header.size) throw new DriverError(`OPEN was answered with ${reply.used} bytes`);
        const errno = virtio_media_resp_header.fields.status.get(reply.view, 0);
        if (errno !== 0) throw new IoctlError('OPEN', errno);
        if (reply.used < virtio_media_resp_open.size)
          throw new DriverError(`OPEN succeeded with ${reply.used} bytes, not 16 (VM-DX2)`);
        const id = virtio_media_resp_open.fields.session_id.get(reply.view, 0);
        if (this.#sessions.has(id)) throw new DriverError(`OPEN answered session id ${id}, which is open already (VM-D1)`);
        const session = new DriverSession(
          { transport: this.transport, commands: this.#commands, forget: (gone) => void this.#sessions.delete(gone) },
          id,
        );
        this.#sessions.set(id, session);
        return session;
      },
    );
  }

  /** Sends any bytes in any shape, and gives back whatever came. The driver draws no conclusions from it. */
  raw(request: RawRequest): Promise<RawReply> {
    return this.#commands.raw(request);
  }

  /** Posts `count` more event buffers of `length` bytes that are used once (for tests with few of them). */
  postEvents(count: number, length: number = EVENT_BYTES): boolean {
    return this.#events.post(count, false, length);
  }

  /** Sees every event before its session does. */
  onEvent(tap: EventTap): Disposable {
    this.#taps.add(tap);
    return { [Symbol.dispose]: () => void this.#taps.delete(tap) };
  }

  /** Stops both rings and gives their memory back; the transport stays. Close the sessions first. */
  async detach(): Promise<void> {
    if (this.#state === 'detached') return;
    const running = this.#state === 'running';
    this.#state = 'detached';
    if (running) {
      await this.transport.stopQueue(VIRTIO_MEDIA_COMMANDQ);
      await this.transport.stopQueue(VIRTIO_MEDIA_EVENTQ);
    }
    this.#end(new IoctlError('detach', Errno.ENODEV, 'the driver was detached'));
    this.#commands.free();
    this.#events.free();
    for (const { block } of this.#rings) block.free();
  }

  #end(error: Error): void {
    for (const session of [...this.#sessions.values()]) session.fail(error);
    this.#sessions.clear();
    this.#commands.end(error);
    this.#events.end();
  }

  #event(bytes: Uint8Array, view: DataView, used: number): void {
    this.#eventStats.events += 1;
    for (const tap of this.#taps) tap(bytes.slice());
    const head = virtio_media_event_header;
    const kind = used >= head.size ? head.fields.event.get(view, 0) : -1;
    const session = used >= head.size ? this.#sessions.get(head.fields.session_id.get(view, 0)) : undefined;
    const size = EVENT_SIZES.get(kind);
    if (session === undefined || size === undefined || used < size) {
      this.#eventStats.strayEvents += 1;
      return;
    }
    session.deliver(view);
  }
}

/** Entries of a ring unless told. */
const QUEUE_SIZE = 64;

function checkQueueSize(size: number): void {
  if (!Number.isInteger(Math.log2(size)) || size < COMMAND_PARTS || size > 32768) {
    throw new DriverError(
      `rings of ${size} entries: a power of two from ${COMMAND_PARTS} to 32768 is needed, since a command may take as many parts`,
    );
  }
}

interface Ring {
  readonly block: GuestBlock;
  readonly layout: RingLayout;
}

/** Memory for a ring: each part on a page of its own, as most drivers have it. */
function ring(transport: DriverTransport, size: number): Ring {
  const page = (length: number): number => roundUp(length, 4096);
  const parts = ringBytes(size);
  const block = transport.allocate(page(parts.descriptors) + page(parts.available) + page(parts.used));
  const descriptors = block.address;
  const available = descriptors + page(parts.descriptors);
  return { block, layout: { size, descriptors, available, used: available + page(parts.available) } };
}
