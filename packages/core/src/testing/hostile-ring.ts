// SPDX-License-Identifier: Apache-2.0
/**
 * A driver that gets its ring right most of the time and wrong the rest, and a watchdog on the device side: after each
 * step the queue must have done what a slow, simple reading of the same ring says, and nothing more.
 */
import type { Chain } from '../virtqueue/chain.ts';
import type { RingFeatures } from '../virtqueue/ring-layout.ts';
import { DeviceQueue } from '../virtqueue/split/device-queue.ts';
import type { Random } from './random.ts';
import { type RawDescriptor, RawRing } from './raw-ring.ts';

/** The device side did something that it must not do. */
export class RingWatchdogError extends Error {
  override readonly name = 'RingWatchdogError';
}

/** Descriptors of one chain that the queue under test allows. */
const MAX_DESCRIPTORS = 24;
const MAX_BYTES = 4096;
const [NEXT, WRITE, INDIRECT] = [1, 2, 4];

/** What the simple reading says about a chain. */
interface ExpectedWalk {
  readonly readable: number;
  readonly writable: number;
}

/** One hostile driver with the queue under test. */
export class HostileRing {
  readonly features: RingFeatures;
  readonly #random: Random;
  readonly #ring: RawRing;
  readonly #queue: DeviceQueue;
  readonly #size: number;
  readonly #held: Chain[] = [];
  /** the next index of the available ring, as the driver counts */
  #available: number;
  /** the entry of the available ring that the device must take next */
  #next: number;
  /** the used index as it must be */
  #used: number;
  /** chains taken or refused so far */
  chains = 0;
  /** rings that broke so far */
  broken = 0;

  constructor(random: Random) {
    this.#random = random;
    this.features = { indirect: !random.once(4), eventIdx: random.once(2) };
    this.#size = random.pick([1, 2, 4, 8, 16]);
    this.#ring = new RawRing({ size: this.#size, memoryBytes: 16384, shift: random.below(2) });
    this.#queue = new DeviceQueue(this.#ring.memory, this.features, { maxDescriptors: MAX_DESCRIPTORS, maxBytes: MAX_BYTES });
    this.#available = random.once(2) ? 65530 + random.below(6) : 0;
    this.#next = this.#available;
    this.#used = this.#available;
    this.#restart();
  }

  /** One round: the driver offers a few chains, the device takes and returns some. Throws `RingWatchdogError`. */
  step(): void {
    const random = this.#random;
    const chains = 1 + random.below(this.#size);
    const heads: number[] = [];
    for (let i = 0; i < chains; i++) heads.push(this.#offerOne());
    if (random.once(60)) this.#ring.availableFlags = random.below(65536);
    if (random.once(60)) this.#ring.usedEvent = random.below(65536);
    this.#ring.offer(heads, this.#available);
    this.#available = (this.#available + heads.length) & 0xffff;
    if (random.once(80)) this.#ring.availableIndex = random.below(65536);
    if (random.once(40)) this.#ring.view.setUint32(random.below(this.#ring.data - this.#ring.base - 4), random.below(2 ** 32));
    if (random.once(2)) this.#queue.disableNotifications();
    // The corruption above may have hit the used ring, which is the device's to read only when it starts.
    this.#ring.usedIndex = this.#used;
    this.#device();
    if (this.#queue.error !== undefined) {
      this.broken++;
      this.#restart();
    }
  }

  #device(): void {
    const random = this.#random;
    for (let taken = 0; ; taken++) {
      if (taken > this.#size) throw new RingWatchdogError(`more than ${this.#size} chains were taken in one go`);
      const expected = this.#expected();
      const chain = this.#queue.pop();
      if (chain === undefined) {
        if (typeof expected === 'object') throw new RingWatchdogError(`a good chain was refused: ${this.#queue.error?.message}`);
        if (expected === 'bad' && this.#queue.error === undefined) throw new RingWatchdogError('a bad ring went unnoticed');
        if (expected === 'none' && this.#queue.error !== undefined) {
          throw new RingWatchdogError(`a quiet ring broke: ${this.#queue.error.message}`);
        }
        if (expected === 'bad') this.chains++;
        break;
      }
      this.chains++;
      if (typeof expected !== 'object') throw new RingWatchdogError(`a chain was taken that is ${expected}`);
      if (expected.readable !== chain.readableLength || expected.writable !== chain.writableLength) {
        throw new RingWatchdogError(
          `a chain has ${chain.readableLength} + ${chain.writableLength} bytes, not ${JSON.stringify(expected)}`,
        );
      }
      const bytes = new Uint8Array(Math.min(chain.readableLength + 1, 256));
      if (chain.read(0, bytes) !== Math.min(bytes.length, chain.readableLength))
        throw new RingWatchdogError('bytes were not read');
      this.#held.push(chain);
      this.#next = (this.#next + 1) & 0xffff;
    }
    this.#return(random.once(3) ? random.below(this.#held.length + 1) : this.#held.length);
    this.#queue.enableNotifications();
  }

  #return(count: number): void {
    for (let i = 0; i < count; i++) {
      const [chain] = this.#held.splice(this.#random.below(this.#held.length), 1);
      if (chain === undefined) break;
      // A device may write what it likes of its part; the ring lies in no part that it is given, see #buffer.
      const wanted = this.#random.below(64);
      const written = chain.write(0, new Uint8Array(wanted));
      if (written > chain.writableLength) throw new RingWatchdogError('more was written than there is room');
      const claimed = this.#random.once(20) ? 0xffff_ffff : written;
      this.#queue.push(chain, claimed);
      const entry = this.#ring.usedEntry(this.#used);
      const len = Math.min(claimed, chain.writableLength);
      if (entry.id !== chain.head || entry.len !== len) {
        throw new RingWatchdogError(`the used entry says ${entry.id}, ${entry.len}, not ${chain.head}, ${len}`);
      }
      this.#used = (this.#used + 1) & 0xffff;
    }
    this.#queue.flush();
    if (this.#ring.usedIndex !== this.#used)
      throw new RingWatchdogError(`the used index is ${this.#ring.usedIndex}, not ${this.#used}`);
  }

  /** Brings the queue back after an error, as a device reset does. Chains still held are void from then on. */
  #restart(): void {
    if (this.#queue.stop() !== this.#next && this.chains > 0) throw new RingWatchdogError('the queue lost count of what it took');
    this.#next = this.#available;
    this.#ring.availableIndex = this.#available;
    this.#ring.usedIndex = this.#used;
    this.#queue.start(this.#ring.layout, this.#available);
    for (const chain of this.#held.splice(0)) {
      this.#queue.push(chain, 1);
      if (chain.write(0, new Uint8Array(1)) !== 0) throw new RingWatchdogError('a void chain was written to');
    }
    if (this.#queue.flush()) throw new RingWatchdogError('void chains were returned');
  }

  /** Makes one chain; returns its head. */
  #offerOne(): number {
    const random = this.#random;
    const head = random.once(50) ? random.below(65536) : random.below(this.#size);
    const direct = 1 + random.below(Math.min(3, this.#size));
    const indirect = random.once(3);
    let index = head % this.#size;
    let writes = false;
    for (let i = 0; i < direct; i++) {
      const last = i + 1 === direct;
      if (last && indirect) {
        this.#ring.descriptor(index, this.#table(writes));
        break;
      }
      writes ||= random.once(3);
      const next = random.once(50) ? random.below(65536) : (index + 1) % this.#size;
      this.#ring.descriptor(index, { ...this.#buffer(writes), next, flags: this.#flags(writes, !last) });
      index = next % this.#size;
    }
    return head;
  }

  #flags(writes: boolean, more: boolean): number {
    if (this.#random.once(60)) return this.#random.below(65536);
    return (writes ? (WRITE as number) : 0) | (more ? (NEXT as number) : 0);
  }

  /** A range in the upper half of the memory, mostly: the lower half holds the ring and the tables. */
  #buffer(writes: boolean): { addr: number; len: number } {
    const random = this.#random;
    const { base, data, bytes } = this.#ring;
    const end = base + bytes.length;
    if (random.once(60))
      return { addr: random.pick([0, end - 1, end, 2 ** 53 - 1, Number.POSITIVE_INFINITY]), len: random.below(64) };
    if (!writes && random.once(60)) return { addr: data, len: random.pick([MAX_BYTES, MAX_BYTES + 1, 0xffff_ffff, 8192]) };
    const len = random.below(96);
    return { addr: data + 8192 + random.below(8192 - 96), len };
  }

  #table(writesBefore: boolean): RawDescriptor {
    const random = this.#random;
    const entries = 1 + random.below(random.once(10) ? MAX_DESCRIPTORS + 1 : 6);
    const table = this.#ring.data + 512 * random.below(15);
    let writes = writesBefore;
    for (let i = 0; i < entries; i++) {
      writes ||= random.once(3);
      const next = random.once(80) ? random.below(32) : i + 1;
      this.#ring.descriptor(i, { ...this.#buffer(writes), next, flags: this.#flags(writes, i + 1 < entries) }, table);
    }
    const len = random.once(40) ? random.below(1024) : 16 * entries;
    return {
      addr: random.once(60) ? 0x123 : table,
      len,
      flags: (INDIRECT as number) | (random.once(20) ? this.#flags(writes, true) : 0),
    };
  }

  /** The simple reading of the ring: is there a chain, and is it good? Slow, with lists and big integers, on purpose. */
  #expected(): ExpectedWalk | 'none' | 'bad' {
    const next = this.#next;
    const { view, layout, base } = this.#ring;
    const ahead = (this.#ring.availableIndex - next) & 0xffff;
    if (this.#queue.error !== undefined || ahead === 0) return 'none';
    if (ahead > this.#size || this.#held.length >= this.#size) return 'bad';
    const head = view.getUint16(layout.available - base + 4 + 2 * (next % this.#size), true);
    if (head >= this.#size || this.#held.some((chain) => chain.head === head)) return 'bad';
    const list: { addr: bigint; len: number; write: boolean }[] = [];
    let at = layout.descriptors - base;
    let entries = this.#size;
    let index = head;
    let nested = false;
    for (let hops = 0; ; hops++) {
      if (hops >= entries || index >= entries) return 'bad';
      const addr = view.getBigUint64(at + 16 * index, true);
      const len = view.getUint32(at + 16 * index + 8, true);
      const flags = view.getUint16(at + 16 * index + 12, true);
      if ((flags & (INDIRECT as number)) !== 0) {
        if (nested || !this.features.indirect || (flags & (NEXT as number)) !== 0) return 'bad';
        if (len === 0 || len % 16 !== 0 || len / 16 > MAX_DESCRIPTORS || !this.#inside(addr, len)) return 'bad';
        nested = true;
        at = Number(addr) - base;
        entries = len / 16;
        index = 0;
        hops = -1;
        continue;
      }
      list.push({ addr, len, write: (flags & (WRITE as number)) !== 0 });
      if ((flags & (NEXT as number)) === 0) break;
      index = view.getUint16(at + 16 * index + 14, true);
    }
    const firstWrite = list.findIndex((one) => one.write);
    if (firstWrite >= 0 && list.slice(firstWrite).some((one) => !one.write)) return 'bad';
    const sum = (write: boolean): number => list.reduce((total, one) => total + (one.write === write ? one.len : 0), 0);
    if (
      list.length > MAX_DESCRIPTORS ||
      sum(false) > MAX_BYTES ||
      list.some((one) => one.len > 0 && !this.#inside(one.addr, one.len))
    ) {
      return 'bad';
    }
    return { readable: sum(false), writable: sum(true) };
  }

  #inside(addr: bigint, len: number): boolean {
    const base = BigInt(this.#ring.base);
    return addr >= base && addr + BigInt(len) <= base + BigInt(this.#ring.bytes.length);
  }
}
