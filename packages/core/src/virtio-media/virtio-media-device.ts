// SPDX-License-Identifier: Apache-2.0
/**
 * The device side of virtio-media (VIRTIO 1.4, 5.22): commands in, answers and events out, between two virtqueues and a
 * `MediaDevice`. It keeps the rules of the standard, and P1 to P19, which existing Linux drivers need; docs/RULES.md says what
 * each id means. docs/ARCHITECTURE.md draws the life of a QBUF.
 *
 * Commands of one session are answered in order; a command that has to wait holds up its own session only. Errors: what
 * the guest does wrong becomes an errno; a malformed ring stops its queue (`VirtQueue.error`); anything else is a bug of
 * ours, is told to `onBug` and answered with EIO, so that one bad command never takes the device down.
 */
import type { MediaDevice, MediaSession, SessionEvents } from '../device/framework/media-device.ts';
import type { GuestMemory } from '../memory/guest-memory.ts';
import type { SharedWindow } from '../ports/host-buffers.ts';
import { type CommandBudget, CommandLoop } from '../virtio-device/command-loop.ts';
import type { DeviceStats, QueueRole, VirtioDevice, VirtioDeviceHost } from '../virtio-device/virtio-device.ts';
import type { Chain } from '../virtqueue/chain.ts';
import { Errno } from '../wire/errno.gen.ts';
import {
  VIRTIO_ID_MEDIA,
  VIRTIO_MEDIA_CMD_CLOSE,
  VIRTIO_MEDIA_CMD_IOCTL,
  VIRTIO_MEDIA_CMD_MMAP,
  VIRTIO_MEDIA_CMD_MUNMAP,
  VIRTIO_MEDIA_CMD_OPEN,
  VIRTIO_MEDIA_COMMANDQ,
  VIRTIO_MEDIA_EVENTQ,
  VIRTIO_MEDIA_MMAP_FLAG_RW,
  virtio_media_cmd_close,
  virtio_media_cmd_header,
  virtio_media_cmd_ioctl,
  virtio_media_cmd_mmap,
  virtio_media_cmd_munmap,
  virtio_media_config,
  virtio_media_resp_header,
  virtio_media_resp_mmap,
  virtio_media_resp_open,
} from '../wire/media/virtio-media.ts';
import { encodeUtf8 } from '../wire/text.ts';
import { EventQueue } from './event-queue.ts';
import { GuestUserMemory } from './guest-user-memory.ts';
import { IoctlPayload, ioctlInfo } from './ioctl-payload.ts';
import { COMMAND_BUDGET, MAX_COMMAND_BYTES, MAX_SESSIONS } from './limits.ts';
import { type SessionEntry, SessionTable } from './session-table.ts';
import { StructSpaces } from './struct-space.ts';

/** What a `VirtioMediaDevice` is made of. */
export interface VirtioMediaOptions {
  /** the V4L2 device; disposed of with this one, if it can be */
  readonly device: MediaDevice & Partial<AsyncDisposable>;
  readonly memory: GuestMemory;
  /** shared memory region 0; without it every MMAP is refused (P13) */
  readonly window?: SharedWindow | undefined;
  /** default: COMMAND_BUDGET */
  readonly budget?: CommandBudget;
}

/** Bytes of an answer whose memory is used again for the next; nearly all are shorter. */
const RESPONSE_BYTES = 1024;

/** The command queue, and the event queue. */
const QUEUES: readonly QueueRole[] = ['answered', 'posted'];

/** What a device has once a transport carries it. */
interface AttachedHost {
  readonly host: VirtioDeviceHost;
  readonly events: EventQueue;
  readonly loop: CommandLoop;
}

/** Counters since the device was made. */
export interface VirtioMediaStats extends DeviceStats {
  readonly commands: number;
  readonly events: number;
  readonly pendingEvents: number;
  /** bytes of commands that wait for a busy session */
  readonly waitingBytes: number;
  readonly sessions: number;
}

/** See the top of the file. */
export class VirtioMediaDevice implements VirtioDevice {
  readonly id: number = VIRTIO_ID_MEDIA;
  readonly features: bigint = 0n;
  readonly queues: readonly QueueRole[] = QUEUES;
  readonly sharedMemory: boolean;
  readonly #device: MediaDevice & Partial<AsyncDisposable>;
  readonly #memory: GuestMemory;
  readonly #user: GuestUserMemory;
  readonly #window: SharedWindow | undefined;
  readonly #budget: CommandBudget;
  #attached: AttachedHost | undefined;
  readonly #sessions = new SessionTable();
  #fetched = new Uint8Array(4096);
  readonly #response = new Uint8Array(RESPONSE_BYTES);
  readonly #responseView = new DataView(this.#response.buffer);
  /** the starts of `#response` that were sent, by length */
  readonly #responses = new Map<number, Uint8Array>();
  readonly #spaces = new StructSpaces();
  /** sessions that are being opened */
  #opening = 0;
  /** sessions that are being closed */
  readonly #closing = new Set<Promise<void>>();
  /** counts resets: an answer that belongs to an earlier life is thrown away */
  #epoch = 0;

  constructor(options: VirtioMediaOptions) {
    this.#device = options.device;
    this.#memory = options.memory;
    this.#user = new GuestUserMemory(options.memory);
    this.#window = options.window;
    this.sharedMemory = options.window !== undefined;
    this.#budget = options.budget ?? COMMAND_BUDGET;
  }

  attach(host: VirtioDeviceHost): void {
    const [commands, posted] = host.queues;
    if (commands === undefined || posted === undefined) throw new RangeError('a media device needs two queues');
    const events = new EventQueue(posted, () => host.notify(VIRTIO_MEDIA_EVENTQ));
    const loop = new CommandLoop({
      queue: commands,
      budget: this.#budget,
      now: () => host.now(),
      command: (chain) => this.#command(chain),
      notify: () => host.notify(VIRTIO_MEDIA_COMMANDQ),
      // Events first: an initial event must be in the ring before the answer to its subscription is seen (P10).
      begin: () => events.hold(),
      end: () => events.release(),
      again: () => host.again(),
      polling: host.polling,
    });
    this.#attached = { host, events, loop };
  }

  /** The device type has no feature bits of its own. */
  negotiated(): void {}

  /** The configuration space, 40 bytes (VM-DX14). */
  config(): Uint8Array {
    const bytes = new Uint8Array(virtio_media_config.size);
    const view = new DataView(bytes.buffer);
    const f = virtio_media_config.fields;
    f.device_caps.set(view, 0, this.#device.deviceCaps);
    f.device_type.set(view, 0, this.#device.deviceType);
    f.card.set(view, 0, encodeUtf8(this.#device.card, f.card.size));
    return bytes;
  }

  /** Counters for logs and tests. */
  get stats(): VirtioMediaStats {
    return {
      commands: this.#loop.answered,
      events: this.#events.sent,
      pendingEvents: this.#events.pending,
      waitingBytes: this.#loop.waitingBytes,
      sessions: this.#sessions.size,
    };
  }

  /**
   * Looks at a ring: after a notification, and when the ring starts (P16). Answers true if there is more to do than one
   * wake-up should (VU-V16); call again soon.
   */
  kick(queue: number): boolean {
    if (queue === VIRTIO_MEDIA_EVENTQ) {
      this.#events.deliver();
      return false;
    }
    return queue === VIRTIO_MEDIA_COMMANDQ && this.#loop.run();
  }

  /** Goes on with commands that were taken before; also while no further ones may be. */
  resume(): void {
    this.#loop.resume();
  }

  /** Resolves when no command waits for its answer. */
  idle(): Promise<void> {
    return this.#loop.idle();
  }

  /** Drops all sessions and events, as after a device reset; resolves when no guest memory is touched any more. */
  async reset(): Promise<void> {
    this.#epoch++;
    this.#loop.reset();
    this.#events.clear();
    for (const entry of this.#sessions.takeAll()) void this.#closeSession(entry);
    this.#device.reset?.();
    await Promise.all(this.#closing);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.reset();
    await this.#device[Symbol.asyncDispose]?.();
  }

  get #events(): EventQueue {
    return this.#parts.events;
  }

  get #loop(): CommandLoop {
    return this.#parts.loop;
  }

  get #parts(): AttachedHost {
    if (this.#attached === undefined) throw new TypeError('a device is used before it was attached');
    return this.#attached;
  }

  #onBug(error: unknown): void {
    this.#attached?.host.onBug(error);
  }

  /** One command, from the chain to its answer, now or later. */
  #command(chain: Chain): void {
    const length = Math.min(chain.readableLength, MAX_COMMAND_BYTES + 1);
    if (length < virtio_media_cmd_header.size || length > MAX_COMMAND_BYTES) return this.#fail(chain, Errno.EINVAL);
    // The whole readable part is fetched once, before anything is written: both parts may be the same memory (P2). The
    // buffer is used again: half a megabyte of garbage for each command would slow every guest down.
    if (this.#fetched.length < length) this.#fetched = new Uint8Array(length);
    const bytes = this.#fetched.subarray(0, length);
    if (chain.read(0, bytes) !== length) return this.#fail(chain, Errno.EFAULT);
    this.#guarded(chain, () => this.#dispatch(chain, bytes));
  }

  /** Begins a command whose bytes were fetched; whoever needs them later has to copy them. */
  #dispatch(chain: Chain, bytes: Uint8Array): void {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    switch (virtio_media_cmd_header.fields.cmd.get(view, 0)) {
      case VIRTIO_MEDIA_CMD_OPEN:
        return this.#open(chain);
      case VIRTIO_MEDIA_CMD_CLOSE:
        return this.#close(chain, bytes, view);
      case VIRTIO_MEDIA_CMD_IOCTL:
        return this.#inSession(chain, bytes, view, virtio_media_cmd_ioctl.size, (entry) =>
          this.#ioctl(chain, bytes, view, entry),
        );
      case VIRTIO_MEDIA_CMD_MMAP:
        return this.#inSession(chain, bytes, view, virtio_media_cmd_mmap.size, (entry) => this.#mmap(chain, view, entry));
      case VIRTIO_MEDIA_CMD_MUNMAP:
        return this.#munmap(chain, view);
      default:
        return this.#fail(chain, Errno.ENOTTY);
    }
  }

  /** Runs a part of a command; an error of ours becomes EIO for that command alone. */
  #guarded(chain: Chain, run: () => void): void {
    try {
      run();
    } catch (error) {
      this.#onBug(error);
      this.#fail(chain, Errno.EIO);
    }
  }

  #open(chain: Chain): void {
    if (chain.writableLength < virtio_media_resp_open.size) return this.#fail(chain, Errno.EINVAL);
    if (this.#sessions.size + this.#opening >= MAX_SESSIONS) return this.#fail(chain, Errno.EBUSY);
    const id = this.#sessions.freshId();
    const opened = this.#device.open(this.#sessionEvents(id));
    if (!(opened instanceof Promise)) return this.#opened(chain, id, opened);
    const epoch = this.#epoch;
    this.#opening += 1;
    const settle = (session: MediaSession | number): void => {
      this.#opening -= 1;
      if (epoch === this.#epoch) this.#loop.batch(() => this.#guarded(chain, () => this.#opened(chain, id, session)));
      // The device was reset meanwhile: nobody has the session.
      else if (typeof session !== 'number') void session.close();
    };
    opened.then(settle, (error: unknown) => {
      this.#onBug(error);
      settle(Errno.EIO);
    });
  }

  /** Answers OPEN. */
  #opened(chain: Chain, id: number, session: MediaSession | number): void {
    if (typeof session === 'number') return this.#fail(chain, session);
    this.#sessions.add(id, session);
    this.#response.fill(0, 0, virtio_media_resp_open.size);
    virtio_media_resp_open.fields.session_id.set(this.#responseView, 0, id);
    this.#answer(chain, this.#responseOf(virtio_media_resp_open.size));
  }

  /** The events of one session; calls after it was closed or broke are ignored. */
  #sessionEvents(id: number): SessionEvents {
    const epoch = this.#epoch;
    const alive = (): boolean => epoch === this.#epoch && this.#sessions.get(id)?.state === 'open';
    return {
      dequeue: (buffer, planes) => (alive() ? this.#events.dequeue(id, buffer, planes) : undefined),
      buffersFreed: () => {
        const entry = this.#sessions.get(id);
        if (entry !== undefined && alive()) this.#tellFreed(entry, 'freed');
      },
      event: (event) => {
        if (alive()) this.#events.event(id, event);
      },
      error: (errno) => {
        const entry = this.#sessions.get(id);
        if (entry === undefined || !alive()) return;
        entry.state = 'broken';
        this.#events.error(id, errno);
        void this.#closeSession(entry);
      },
    };
  }

  /** CLOSE is answered with length 0, always (VM-DX9, P7), once nothing of the session touches guest memory. */
  #close(chain: Chain, bytes: Uint8Array, view: DataView): void {
    if (view.byteLength < virtio_media_cmd_close.size) return this.#done(chain, 0);
    const entry = this.#sessions.get(virtio_media_cmd_close.fields.session_id.get(view, 0));
    if (entry === undefined) return this.#done(chain, 0);
    if (entry.busy) {
      this.#postpone(entry, chain, bytes);
      return;
    }
    this.#sessions.remove(entry.id);
    this.#events.forgetSession(entry.id);
    const epoch = this.#epoch;
    const closed = this.#closeSession(entry);
    if (closed === undefined) return this.#done(chain, 0);
    void closed.then(() => {
      if (epoch === this.#epoch) this.#loop.batch(() => this.#done(chain, 0));
    });
  }

  /** Closes a session, or waits for it with those that closed it before; undefined if that is done. */
  #closeSession(entry: SessionEntry): Promise<void> | undefined {
    if (entry.closed !== undefined) return entry.closed === 'now' ? undefined : entry.closed;
    const over = (): void => {
      entry.closed = 'now';
      this.#tellFreed(entry, 'all');
    };
    const failed = (error: unknown): void => {
      this.#onBug(error);
      over();
    };
    let closing: void | Promise<void>;
    try {
      closing = entry.session.close();
    } catch (error) {
      failed(error);
      return undefined;
    }
    if (closing === undefined) {
      over();
      return undefined;
    }
    const closed = closing.then(over, failed).finally(() => this.#closing.delete(closed));
    this.#closing.add(closed);
    entry.closed = closed;
    return closed;
  }

  /** Tells the window which mapped buffers are gone, so that their mappings go with the last MUNMAP (VM-D6, P14). */
  #tellFreed(entry: SessionEntry, which: 'freed' | 'all'): void {
    for (const [offset, block] of entry.mapped) {
      if (which === 'freed' && entry.session.plane(offset)?.block === block) continue;
      entry.mapped.delete(offset);
      this.#window?.freed(block);
    }
  }

  /** Runs a command of a session, after those of the session that are still unanswered. */
  #inSession(chain: Chain, bytes: Uint8Array, view: DataView, size: number, run: (entry: SessionEntry) => void): void {
    if (view.byteLength < size) return this.#fail(chain, Errno.EINVAL);
    // IOCTL and MMAP carry the session id at the same place.
    const entry = this.#sessions.get(virtio_media_cmd_ioctl.fields.session_id.get(view, 0));
    if (entry === undefined) return this.#fail(chain, Errno.EINVAL);
    if (entry.state === 'broken') return this.#fail(chain, Errno.EIO);
    if (entry.busy) this.#postpone(entry, chain, bytes);
    else run(entry);
  }

  /** Keeps a command of a busy session until its turn has come. */
  #postpone(entry: SessionEntry, chain: Chain, bytes: Uint8Array): void {
    const done = this.#loop.keep(bytes.length);
    const kept = bytes.slice();
    entry.waiting.push(() => {
      done();
      this.#guarded(chain, () => this.#dispatch(chain, kept));
    });
  }

  #ioctl(chain: Chain, bytes: Uint8Array, view: DataView, entry: SessionEntry): void {
    const info = ioctlInfo(virtio_media_cmd_ioctl.fields.code.get(view, 0));
    if (info === undefined) return this.#fail(chain, Errno.ENOTTY);
    const { call, errno } = IoctlPayload.parse(
      info,
      bytes.subarray(virtio_media_cmd_ioctl.size),
      this.#memory,
      this.#user,
      this.#spaces,
    );
    const room = chain.writableLength - virtio_media_resp_header.size;
    if (errno === 0 && room < call.answerBytes) return this.#fail(chain, Errno.EINVAL);
    const result = errno === 0 ? entry.session.ioctl(call) : errno;
    if (typeof result === 'number') {
      this.#answerIoctl(chain, call, result);
      // A call that was answered at once is looked at by nobody any more; one with a promise may be, so it keeps its struct.
      call.release(this.#spaces);
    } else {
      this.#wait(entry, chain, result, (status) => this.#answerIoctl(chain, call, status));
    }
  }

  #answerIoctl(chain: Chain, call: IoctlPayload, status: number): void {
    const header = virtio_media_resp_header.size;
    const withPayload = (status === 0 || call.payloadOnError) && chain.writableLength >= header + call.answerBytes;
    if (!withPayload || call.answerBytes === 0) return status === 0 ? this.#answerHeader(chain, 0) : this.#fail(chain, status);
    const size = header + call.answerBytes;
    if (size > RESPONSE_BYTES) {
      const long = new Uint8Array(size);
      virtio_media_resp_header.fields.status.set(new DataView(long.buffer), 0, status);
      call.answer(long, header);
      return this.#answer(chain, long);
    }
    this.#response.fill(0, 0, header);
    virtio_media_resp_header.fields.status.set(this.#responseView, 0, status);
    call.answer(this.#response, header);
    this.#answer(chain, this.#responseOf(size));
  }

  #mmap(chain: Chain, view: DataView, entry: SessionEntry): void {
    if (chain.writableLength < virtio_media_resp_mmap.size) return this.#fail(chain, Errno.EINVAL);
    const window = this.#window;
    if (window === undefined || window.length === 0) return this.#fail(chain, Errno.ENOTTY);
    const f = virtio_media_cmd_mmap.fields;
    const offset = f.offset.get(view, 0);
    const plane = entry.session.plane(offset);
    if (plane === undefined) return this.#fail(chain, Errno.EINVAL);
    const writable = (f.flags.get(view, 0) & VIRTIO_MEDIA_MMAP_FLAG_RW) !== 0;
    const finish = (address: number | undefined): void => {
      if (address === undefined) return this.#fail(chain, Errno.ENOMEM);
      entry.mapped.set(offset, plane.block);
      this.#response.fill(0, 0, virtio_media_resp_mmap.size);
      virtio_media_resp_mmap.fields.driver_addr.set(this.#responseView, 0, address);
      virtio_media_resp_mmap.fields.len.set(this.#responseView, 0, plane.length);
      this.#answer(chain, this.#responseOf(virtio_media_resp_mmap.size));
    };
    const mapped = window.map(plane.block, writable);
    if (mapped === undefined || typeof mapped === 'number') return finish(mapped);
    this.#wait(entry, chain, mapped, finish);
  }

  #munmap(chain: Chain, view: DataView): void {
    if (view.byteLength < virtio_media_cmd_munmap.size) return this.#fail(chain, Errno.EINVAL);
    const address = virtio_media_cmd_munmap.fields.driver_addr.get(view, 0);
    const known = Number.isSafeInteger(address) && this.#window?.unmap(address) === true;
    if (known) this.#answerHeader(chain, 0);
    else this.#fail(chain, Errno.EINVAL);
  }

  /** The session has answered a command: runs those that came meanwhile, one a turn. The session stays busy until the last. */
  #next(entry: SessionEntry): void {
    const next = entry.waiting.shift();
    entry.busy = next !== undefined;
    if (next === undefined) return;
    this.#loop.postpone(() => {
      entry.busy = false;
      next();
      if (!entry.busy) this.#next(entry);
    });
  }

  /** Parks a session until `result` settles, then finishes its command and goes on with those that came meanwhile. */
  #wait<T>(entry: SessionEntry, chain: Chain, result: Promise<T>, finish: (value: T) => void): void {
    const epoch = this.#epoch;
    entry.busy = true;
    const settle = (run: () => void): void => {
      if (epoch !== this.#epoch) return;
      this.#loop.batch(() => {
        this.#guarded(chain, run);
        this.#next(entry);
      });
    };
    result.then(
      (value) => settle(() => finish(value)),
      (error: unknown) => {
        this.#onBug(error);
        settle(() => this.#fail(chain, Errno.EIO));
      },
    );
  }

  /** An error answer is the header alone: 8 bytes (P5), or nothing where the driver gave no room. */
  #fail(chain: Chain, errno: number): void {
    this.#answerHeader(chain, errno);
  }

  #answerHeader(chain: Chain, status: number): void {
    const size = virtio_media_resp_header.size;
    if (chain.writableLength < size) return this.#done(chain, 0);
    this.#response.fill(0, 0, size);
    virtio_media_resp_header.fields.status.set(this.#responseView, 0, status);
    this.#answer(chain, this.#responseOf(size));
  }

  /** The first bytes of `#response`. */
  #responseOf(size: number): Uint8Array {
    const existing = this.#responses.get(size);
    if (existing !== undefined) return existing;
    const made = this.#response.subarray(0, size);
    this.#responses.set(size, made);
    return made;
  }

  #answer(chain: Chain, bytes: Uint8Array): void {
    this.#done(chain, chain.write(0, bytes));
  }

  /** Returns the chain: the used length is what was written, exactly (VM-DX2). */
  #done(chain: Chain, written: number): void {
    this.#loop.answer(chain, written);
  }
}
