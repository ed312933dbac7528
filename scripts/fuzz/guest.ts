// SPDX-License-Identifier: Apache-2.0
/**
 * One guest with one device: everything real but the source, the codec and the copies, which are those of the tests. The
 * guest sends batches of commands, some with a ring that it then spoils; after each batch everything must be settled.
 */
import {
  ARENA_ALIGN,
  type CommandBudget,
  DEFAULT_LIMITS,
  type DeviceLimits,
  DriverQueue,
  HeapAccess,
  HeapArena,
  HeapWindow,
  MAX_PENDING_PER_SESSION,
  MemoryGate,
  type RingFeatures,
  type RingLayout,
  VIRTIO_MEDIA_CMD_CLOSE,
  VIRTIO_MEDIA_CMD_IOCTL,
  VIRTIO_MEDIA_CMD_MMAP,
  VIRTIO_MEDIA_CMD_MUNMAP,
  VIRTIO_MEDIA_CMD_OPEN,
  VirtioMediaDevice,
  virtio_media_cmd_close,
} from '@paravideo/core';
import { ManualClock, type Random, ToyDecoderFactory, toyHeader, toyPicture } from '@paravideo/core/testing';
import { Books } from './books.ts';
import { addressBytes, command, describe, hex, includes, ioctlCommand, readU32, split } from './bytes.ts';
import type { DeviceKind } from './device-kinds.ts';
import { FuzzError } from './fuzz-error.ts';
import { FuzzRam, RAM } from './guest-ram.ts';
import { AddressAccess, AddressSource, HOST_ADDRESS } from './host-address.ts';
import { type IoctlPayloadBytes, type PayloadContext, PREPARED_STAMP, randomIoctl, streaming } from './payload.ts';
import { WatchedQueue } from './watched-queue.ts';

const QUEUE = 64;
const EVENT_BYTES = 608;
const COMMANDS = 0x2_0000;
const COMMAND_SLOT = 0x4000;
const RAM_BYTES = COMMANDS + QUEUE * COMMAND_SLOT;
const UNTOUCHED = 0xee;
/** A batch takes microseconds; one that takes this long hangs. */
const STEP_LIMIT_MS = 5000;
const TURNS = 2000;
/** Small, so that the guest meets them; work is counted and not timed, so that the same seed makes the same run. */
const BUDGET: CommandBudget = { commands: 4, milliseconds: 1, waitingBytes: 4096 };
const LIMITS: Partial<DeviceLimits> = { bufferBytes: 4 << 20 };
/** Buffers that a session can have on its two queues: as many EVT_DQBUF may wait. */
const BUFFERS = 2 * DEFAULT_LIMITS.buffersPerQueue;

interface Sent {
  readonly slot: number;
  readonly command: number;
  /** number of the ioctl, if it is one */
  readonly code: number;
  /** where the answer goes, in guest memory; undefined where it shares memory with the command */
  readonly answer: number | undefined;
  readonly room: number;
  /** what was sent */
  readonly input: Uint8Array;
}

/** One guest. */
export class FuzzGuest {
  readonly kind: DeviceKind;
  readonly features: RingFeatures;
  readonly #random: Random;
  readonly #memory: FuzzRam;
  readonly #ram: Uint8Array;
  readonly #clock = new ManualClock();
  readonly #source: AddressSource;
  readonly #arena = new HeapArena(32 << 20);
  readonly #window = new HeapWindow(this.#arena);
  readonly #factory: ToyDecoderFactory;
  readonly #command: WatchedQueue;
  readonly #event: WatchedQueue;
  readonly #device: VirtioMediaDevice;
  readonly #kill: () => void;
  readonly #foreign: readonly Uint8Array[];
  /** commands that are to come next, in this order */
  #script: { readonly session: number; readonly ioctl: IoctlPayloadBytes }[] = [];
  #memoryType = 1;
  readonly #bugs: unknown[] = [];
  /** closed while no ring runs */
  readonly #gate = new MemoryGate();
  readonly #books: Books;
  readonly #rings = { command: layoutAt(RAM), event: layoutAt(RAM + 0x2000) };
  #driver: DriverQueue<Sent>;
  #events: DriverQueue<number>;
  #sessions: number[] = [];
  #offsets: number[] = [0];
  #mappings: number[] = [0];
  #freeSlots: number[] = [];
  /** commands sent so far */
  commands = 0;
  /** answers by status */
  readonly statuses = new Map<number, number>();
  broken = 0;
  /** answers of each ioctl, by status */
  readonly ioctls = new Map<number, Map<number, number>>();
  eventsSeen = 0;
  pauses = 0;

  /** `marker` fills this guest's memory; `foreign` are the markers of the others. */
  constructor(kind: DeviceKind, random: Random, marker: Uint8Array, foreign: readonly Uint8Array[]) {
    this.kind = kind;
    this.#random = random;
    this.#memory = new FuzzRam(random, marker, RAM_BYTES);
    this.#ram = this.#memory.ram;
    this.#foreign = [...foreign, addressBytes(HOST_ADDRESS), PREPARED_STAMP];
    this.features = { indirect: random.once(2), eventIdx: random.once(2) };
    const { memory } = this.#memory;
    const heapAccess = new HeapAccess(this.#arena, memory, this.#gate);
    this.#source = new AddressSource({ clock: this.#clock });
    this.#factory = new ToyDecoderFactory({ access: heapAccess, ...(random.once(2) && { turn: () => this.#turn() }) });
    const parts = {
      arena: this.#arena,
      access: new AddressAccess(heapAccess),
      heap: heapAccess,
      clock: this.#clock,
      source: this.#source,
      factory: this.#factory,
      limits: LIMITS,
    };
    const list = this.#source.capabilities.sizes(0);
    this.#books = new Books(kind.listed && list.kind === 'discrete' ? list.sizes : []);
    const device = kind.make(parts);
    this.#kill = () => (kind.kill === undefined ? this.#factory.kill() : kind.kill(device));
    this.#command = new WatchedQueue(memory, this.features);
    this.#event = new WatchedQueue(memory, this.features);
    this.#device = new VirtioMediaDevice({
      device,
      memory,
      window: this.#window,
      budget: BUDGET,
    });
    this.#device.attach({
      queues: [this.#command, this.#event],
      notify: () => {},
      again: () => void Promise.resolve().then(() => this.#again()),
      configChanged: () => {},
      now: () => 0,
      onBug: (error) => this.#bugs.push(error),
    });
    [this.#driver, this.#events] = this.#freshRings();
  }

  /** buffers that came back so far */
  get returned(): number {
    return this.#books.returned;
  }

  /** Sends one batch and checks what came of it. Throws `FuzzError`. */
  async step(): Promise<void> {
    const random = this.#random;
    const began = performance.now();
    this.#refill();
    const batch = 1 + random.below(6);
    for (let i = 0; i < batch; i++) this.#send();
    this.#driver.flush();
    const spoilt = random.once(60);
    if (spoilt) this.#spoil();
    while (this.#kick()) this.#late(began);
    this.#device.kick(1);
    this.#world();
    if (!spoilt && random.once(40)) await this.#pause();
    const unplugged = random.once(50) && this.#memory.unplug();
    await this.#settle(began);
    if (unplugged) this.#memory.plug();
    if (this.#bugs.length > 0) throw new FuzzError(`an error of our own: ${describe(this.#bugs[0])}`);
    if (this.#command.error !== undefined || this.#event.error !== undefined) this.broken++;
    if (spoilt || this.#command.error !== undefined || this.#event.error !== undefined) await this.#reset();
    else {
      this.#collect();
      this.#collectEvents();
      this.#books.settle();
    }
    this.#caps();
    if (random.once(400)) await this.#reset();
  }

  /** Ends the guest: nothing may be left of it. */
  async close(): Promise<void> {
    await this.#device[Symbol.asyncDispose]();
    // What the guest has mapped stays, by right, until it unmaps it.
    if (this.#arena.blocks > this.#window.mappings) {
      throw new FuzzError(`${this.#arena.blocks} blocks of the arena are left, and ${this.#window.mappings} mappings`);
    }
    if (this.#source.running !== 0) throw new FuzzError(`${this.#source.running} streams of the source still run`);
    if (this.#factory.live !== 0) throw new FuzzError(`${this.#factory.live} decoders still live`);
  }

  /** One wake-up. It takes no more commands than it may, however many there are. */
  #kick(): boolean {
    const before = this.#command.taken;
    const more = this.#device.kick(0);
    const taken = this.#command.taken - before;
    if (taken > BUDGET.commands) throw new FuzzError(`one wake-up took ${taken} commands`);
    return more;
  }

  #again(): void {
    const before = this.#command.taken;
    this.#device.resume();
    if (this.#command.taken !== before) throw new FuzzError('commands were taken by what only goes on with others');
    if (this.#kick()) void Promise.resolve().then(() => this.#again());
  }

  /** What a guest may make the device keep. */
  #caps(): void {
    const { pendingEvents, waitingBytes, sessions } = this.#device.stats;
    // Beyond the cap a V4L2 event still waits if none of its own subscription does.
    const events = sessions * (MAX_PENDING_PER_SESSION + DEFAULT_LIMITS.subscriptions + BUFFERS);
    if (pendingEvents > events) throw new FuzzError(`${pendingEvents} events wait for ${sessions} sessions`);
    if (waitingBytes > BUDGET.waitingBytes + COMMAND_SLOT / 4) throw new FuzzError(`${waitingBytes} bytes of commands wait`);
    const bytes = this.#arena.allocated - this.#arena.blocks * ARENA_ALIGN;
    if (this.#window.mappings === 0 && bytes > (LIMITS.bufferBytes ?? 0)) throw new FuzzError(`buffers take ${bytes} bytes`);
  }

  /** The machine is paused: both rings stop, the world goes on, and no byte of the guest changes. Then all goes on. */
  async #pause(): Promise<void> {
    await this.#device.idle();
    // A ring that broke needs a reset, and no pause.
    if (this.#command.error !== undefined || this.#event.error !== undefined) return;
    const next = { command: this.#command.stop(), event: this.#event.stop() };
    await this.#gate.close();
    const same = this.#memory.watch();
    for (let i = 1 + this.#random.below(3); i > 0; i--) {
      this.#world();
      for (let turn = 0; turn < 2; turn++) await this.#turn();
      if (this.#kick()) throw new FuzzError('a device with stopped rings has more to do');
      this.#device.kick(1);
    }
    same();
    this.#gate.reopen();
    this.#command.start(this.#rings.command, next.command);
    this.#event.start(this.#rings.event, next.event);
    while (this.#kick());
    this.#device.kick(1);
    this.pauses++;
  }

  /** A decoder that takes its time: it is at work when other things happen. */
  #turn(): Promise<void> {
    return new Promise((resolve) => setImmediate(resolve));
  }

  #late(began: number): void {
    const took = performance.now() - began;
    if (took > STEP_LIMIT_MS) throw new FuzzError(`one step took ${Math.round(took)} ms`);
  }

  /** The rest of the world goes on: frames, time, and now and then a codec that dies. */
  #world(): void {
    const random = this.#random;
    if (random.once(2)) this.#source.tick();
    if (random.once(3)) this.#clock.advance(random.below(50_000));
    if (random.once(300)) this.#kill();
  }

  async #settle(began: number): Promise<void> {
    for (let turn = 0; turn < TURNS; turn++) {
      await this.#turn();
      this.#late(began);
      if (this.#command.held === 0 && turn > 0) return;
    }
    throw new FuzzError(`${this.#command.held} commands have no answer after ${TURNS} turns of the event loop`);
  }

  /** A device reset: every session goes, the rings start anew. */
  async #reset(): Promise<void> {
    this.#command.stop();
    this.#event.stop();
    await this.#device.reset();
    if (this.#device.stats.sessions !== 0) throw new FuzzError('sessions outlived a reset');
    [this.#driver, this.#events] = this.#freshRings();
  }

  #freshRings(): [DriverQueue<Sent>, DriverQueue<number>] {
    this.#memory.fresh();
    const start = this.#random.once(3) ? 65500 + this.#random.below(36) : 0;
    const { command, event } = this.#rings;
    const driver = new DriverQueue<Sent>(this.#memory.memory, command, this.features, start);
    const events = new DriverQueue<number>(this.#memory.memory, event, this.features, start);
    this.#command.start(command, start);
    this.#event.start(event, start);
    this.#freeSlots = Array.from({ length: QUEUE }, (_, i) => i);
    this.#sessions = [];
    this.#books.forget();
    this.#script = [];
    for (let i = 0; i < 8; i++) this.#postEvent(events, i);
    events.flush();
    return [driver, events];
  }

  #postEvent(events: DriverQueue<number>, slot: number): void {
    const address = RAM + 0x4000 + 0x400 * slot;
    this.#memory.memory.write(address, new Uint8Array(EVENT_BYTES).fill(UNTOUCHED));
    const length = this.#random.once(40) ? this.#random.below(EVENT_BYTES) : EVENT_BYTES;
    events.add([], [{ address, length }], slot);
  }

  #refill(): void {
    const random = this.#random;
    if (random.once(5)) this.#memory.sow();
    if (random.once(8)) {
      // What the guest writes into a buffer it has mapped.
      const view = this.#window.view(random.pick(this.#mappings), 256);
      view?.set(
        random.once(2) ? toyHeader({ depth: random.below(3) }) : toyPicture(random.below(9), 'key'),
        32 * random.below(4),
      );
    }
  }

  #send(): void {
    const random = this.#random;
    const slot = this.#freeSlots.pop();
    if (slot === undefined) return;
    const { bytes, room } = this.#commandBytes();
    const base = COMMANDS + slot * COMMAND_SLOT;
    const size = COMMAND_SLOT / 4;
    const input = bytes.subarray(0, size);
    this.#ram.set(input, base);
    const space = Math.min(room, size);
    // Some drivers use one piece of memory for both directions of a payload (P2).
    const shares = random.once(4);
    const answer = shares ? base : base + size;
    if (!shares) this.#ram.fill(UNTOUCHED, answer, answer + size);
    const readable = split(random, RAM + base, input.length);
    const writable = split(random, RAM + answer, space);
    if (readable.length + writable.length === 0) readable.push({ address: RAM + base, length: 0 });
    const table = random.once(2) ? { address: RAM + base + 2 * size, length: size } : undefined;
    const sent: Sent = {
      slot,
      command: readU32(input, 0),
      code: readU32(input, 12),
      answer: shares ? undefined : answer,
      room: space,
      input: input.slice(),
    };
    if (this.#driver.add(readable, writable, sent, table)) this.commands++;
    else this.#freeSlots.push(slot);
  }

  #commandBytes(): { bytes: Uint8Array; room: number } {
    const random = this.#random;
    const session = random.once(30)
      ? random.below(2 ** 32)
      : random.once(3)
        ? random.pick(this.#sessions.length === 0 ? [0] : this.#sessions)
        : (this.#sessions[0] ?? 0);
    const scripted = this.#script.shift();
    if (scripted !== undefined) return ioctlCommand(random, scripted.session, scripted.ioctl);
    const what = this.#sessions.length === 0 && !random.once(6) ? 0 : random.below(100);
    if (what < 1) return command(random, [VIRTIO_MEDIA_CMD_OPEN, 0], 16);
    if (what < 2) {
      if (!random.once(3)) this.#sessions = this.#sessions.filter((id) => id !== session);
      return command(random, [VIRTIO_MEDIA_CMD_CLOSE, 0, session, 0x5c], 0);
    }
    if (what < 9) return command(random, [VIRTIO_MEDIA_CMD_MMAP, 0, session, random.below(2), random.pick(this.#offsets)], 24);
    if (what < 13) {
      return command(
        random,
        [VIRTIO_MEDIA_CMD_MUNMAP, 0, random.pick(this.#mappings), random.once(20) ? random.below(2 ** 32) : 0],
        8,
      );
    }
    if (what < 15) {
      const noise = Uint8Array.from({ length: random.below(300) }, () => random.below(256));
      return { bytes: noise, room: random.below(300) };
    }
    const context: PayloadContext = {
      types: this.kind.types,
      memory: this.#memoryType,
      data: (length) => this.#memory.data(length),
      coded: (length) => this.#memory.coded(length),
    };
    if (random.once(60)) {
      this.#memoryType = random.pick([1, 2]);
      this.#script = streaming(random, context).map((ioctl) => ({ session, ioctl }));
    }
    return ioctlCommand(random, session, randomIoctl(random, context));
  }

  /** Overwrites words of the rings and of the tables in the command slots. */
  #spoil(): void {
    const random = this.#random;
    const view = new DataView(this.#ram.buffer);
    for (let i = 1 + random.below(4); i > 0; i--) {
      // the ends of the descriptors and of both rings, or the tables of the commands
      const where = random.pick([
        random.below(16 * QUEUE),
        0x1000 + random.below(4 + 2 * QUEUE),
        0x1002,
        0x1800 + random.below(8),
        COMMANDS + COMMAND_SLOT * random.below(QUEUE) + COMMAND_SLOT / 2 + random.below(128),
        0x2000 + random.below(0x1004),
      ]);
      if (random.once(2)) view.setUint32(where & ~3, random.once(2) ? random.below(2 ** 32) : random.below(70), true);
      else view.setUint16(where & ~1, random.once(2) ? random.below(65536) : random.below(70), true);
    }
  }

  #collect(): void {
    let count = 0;
    for (let done = this.#driver.poll(); done !== undefined; done = this.#driver.poll()) {
      count++;
      this.#check(done.token, done.written);
      this.#freeSlots.push(done.token.slot);
    }
    if (this.#driver.inFlight !== 0) throw new FuzzError(`${this.#driver.inFlight} chains did not come back, ${count} did`);
  }

  #check(sent: Sent, written: number): void {
    const at = sent.answer ?? COMMANDS + sent.slot * COMMAND_SLOT;
    const answer = this.#ram.subarray(at, at + written);
    for (const foreign of this.#foreign) {
      if (includes(answer, foreign)) throw new FuzzError(`an answer holds bytes that it must not have: ${hex(answer)}`);
    }
    if (sent.answer !== undefined) {
      const rest = this.#ram.subarray(at + written, at + COMMAND_SLOT / 4);
      if (!rest.every((byte) => byte === UNTOUCHED))
        throw new FuzzError(`the device wrote beyond the ${written} bytes that it told of`);
    }
    // Half a CLOSE closes nothing.
    if (sent.command === VIRTIO_MEDIA_CMD_CLOSE && sent.input.length >= virtio_media_cmd_close.size)
      this.#books.closed(readU32(sent.input, 8));
    if (written === 0) return;
    if (written < 8) throw new FuzzError(`an answer of ${written} bytes has no header`);
    const status = readU32(answer, 0);
    if (status > 133) throw new FuzzError(`status ${status} is no errno`);
    this.statuses.set(status, (this.statuses.get(status) ?? 0) + 1);
    if (sent.command === VIRTIO_MEDIA_CMD_IOCTL) count(this.ioctls, sent.code, status);
    if (status !== 0) return;
    if (sent.command === VIRTIO_MEDIA_CMD_IOCTL) this.#books.succeeded(sent.input, answer);
    if (sent.command === VIRTIO_MEDIA_CMD_OPEN && written === 16) this.#sessions.push(readU32(answer, 8));
    if (sent.command === VIRTIO_MEDIA_CMD_MMAP && written === 24) {
      this.#mappings.push(readU32(answer, 8));
      if (this.#mappings.length > 20) this.#mappings.shift();
    }
    // QUERYBUF and QBUF tell m.offset, and planes theirs.
    if (sent.command === VIRTIO_MEDIA_CMD_IOCTL && written >= 96) {
      this.#offsets.push(readU32(answer, written >= 160 ? 104 : 72));
      if (this.#offsets.length > 20) this.#offsets.shift();
    }
  }

  #collectEvents(): void {
    for (let done = this.#events.poll(); done !== undefined; done = this.#events.poll()) {
      const slot = done.token;
      const at = 0x4000 + 0x400 * slot;
      const event = this.#ram.subarray(at, at + done.written);
      for (const foreign of this.#foreign) {
        if (includes(event, foreign)) throw new FuzzError(`an event holds bytes that it must not have: ${hex(event)}`);
      }
      if (done.written > 0 && ![16, 144, 608].includes(done.written)) throw new FuzzError(`an event has ${done.written} bytes`);
      if (done.written > 0) {
        this.eventsSeen++;
        this.#books.event(event);
      }
      if (!this.#random.once(10)) this.#postEvent(this.#events, slot);
    }
    // Slots that were left out come back when there are none.
    if (this.#events.inFlight === 0) for (let i = 0; i < 8; i++) this.#postEvent(this.#events, i);
    this.#events.flush();
  }
}

function layoutAt(base: number): RingLayout {
  return { size: QUEUE, descriptors: base, available: base + 0x1000, used: base + 0x1800 };
}

function count(table: Map<number, Map<number, number>>, code: number, status: number): void {
  const row = table.get(code) ?? new Map<number, number>();
  table.set(code, row.set(status, (row.get(status) ?? 0) + 1));
}
