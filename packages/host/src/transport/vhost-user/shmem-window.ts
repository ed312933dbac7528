// SPDX-License-Identifier: Apache-2.0
/**
 * The arena's window in the guest: shared memory region 0, whose pieces the front-end maps when told to (SHMEM_MAP).
 *
 * A block's place is given by its place in the arena: writable mappings lie at the block's offset, read-only ones half a
 * region higher, so that both kinds of one plane can exist together (VM-DX13). Nothing is ever allocated here.
 *
 *     absent --map--> mapping --granted--> mapped --count 0 and buffer freed--> unmapping --answered--> absent
 *                        \----refused----> absent
 *
 * A mapping stays while the buffer lives, whatever the guest counts (P14). While the device is suspended nothing may be
 * sent; what is due then is sent when it resumes.
 */
import { ARENA_ALIGN, type ArenaBlock, roundUp, type SharedWindow } from '@paravideo/core';
import type { Arena } from '../../memory/index.ts';
import type { BackendChannel } from './backend-channel.ts';
import { BackendRequest, SHMEM_MAP_RW, shmem_map } from './protocol.ts';

/** `used`: a buffer owns the block. `freed`: the buffer is gone, and the mapping goes with its last MUNMAP. */
type BlockLife = 'used' | 'freed';

interface WindowEntry {
  readonly address: number;
  readonly span: number;
  readonly block: ArenaBlock;
  readonly writable: boolean;
  state: 'mapping' | 'mapped' | 'unmapping';
  life: BlockLife;
  /** mappings of the guest; never below 0 */
  count: number;
  /** commands that wait for the front-end's answer */
  waiting: ((address: number | undefined) => void)[];
}

/** The `SharedWindow` of one connection. */
export class ShmemWindow implements SharedWindow {
  readonly #arena: Arena;
  readonly #half: number;
  readonly #entries = new Map<number, WindowEntry>();
  /** Ranges mapped before a reset. The front-end should have dropped them; one in the way of a new mapping is unmapped first. */
  #stale: { address: number; span: number }[] = [];
  #channel: BackendChannel | undefined;
  #offered = false;
  #suspended = true;
  /** true while the front-end waits for the command ring to be quiet, and until a ring starts */
  #quiet = true;
  #due: (() => void)[] = [];

  constructor(arena: Arena) {
    this.#arena = arena;
    this.#half = 2 ** Math.ceil(Math.log2(arena.size));
  }

  /** Bytes of region 0, whether or not it was negotiated: what GET_SHMEM_CONFIG tells. */
  get regionLength(): number {
    return 2 * this.#half;
  }

  get length(): number {
    return this.#offered && this.#channel !== undefined ? this.regionLength : 0;
  }

  /** Number of mappings that exist or are on their way, for leak checks. */
  get mappings(): number {
    return this.#entries.size;
  }

  /** Says that the protocol features for shared memory were agreed on, or not. */
  negotiated(offered: boolean): void {
    this.#offered = offered;
  }

  /** The channel to ask on; undefined when it is gone, and then every mapping is. */
  connect(channel: BackendChannel | undefined): void {
    this.#channel = channel;
    if (channel === undefined) this.reset();
  }

  map(block: ArenaBlock, writable: boolean): Promise<number | undefined> | number | undefined {
    if (this.length === 0) return undefined;
    const address = block.offset + (writable ? 0 : this.#half);
    const known = this.#entries.get(address);
    if (known === undefined) return this.#quiet ? undefined : this.#ask(block, writable, address);
    if (known.block !== block || known.state === 'unmapping') return undefined;
    if (known.state === 'mapped') {
      known.count += 1;
      return address;
    }
    if (this.#quiet) return undefined;
    return new Promise((resolve) => known.waiting.push(resolve));
  }

  unmap(driverAddr: number): boolean {
    for (const entry of this.#entries.values()) {
      if (driverAddr < entry.address || driverAddr >= entry.address + entry.span) continue;
      if (entry.state !== 'mapped') return false;
      entry.count = Math.max(0, entry.count - 1);
      this.#settle(entry);
      return true;
    }
    return false;
  }

  freed(block: ArenaBlock): void {
    for (const entry of [...this.#entries.values()]) {
      if (entry.block !== block) continue;
      entry.life = 'freed';
      this.#settle(entry);
    }
  }

  /** No ring runs any more: sends nothing from now on, and fails commands that wait for the front-end, since it waits for them. */
  suspend(): void {
    this.#suspended = true;
    this.giveUp();
  }

  /**
   * Refuses the guest's mappings that still wait for an answer, and new ones: called when the front-end waits for the
   * command ring to be quiet. A mapping that is granted later is kept, and the guest's next MMAP gets it.
   */
  giveUp(): void {
    this.#quiet = true;
    for (const entry of this.#entries.values()) for (const answer of entry.waiting.splice(0)) answer(undefined);
  }

  /** A ring runs: sends what was due. */
  resume(): void {
    this.#quiet = false;
    if (!this.#suspended) return;
    this.#suspended = false;
    for (const send of this.#due.splice(0)) send();
  }

  /** Forgets all mappings: the device was reset, and the front-end has dropped them, or the connection has ended. */
  reset(): void {
    const entries = [...this.#entries.values()];
    this.#entries.clear();
    this.#due = [];
    for (const entry of entries) {
      this.#stale.push({ address: entry.address, span: entry.span });
      for (const answer of entry.waiting.splice(0)) answer(undefined);
      entry.block.release();
    }
  }

  #ask(block: ArenaBlock, writable: boolean, address: number): Promise<number | undefined> {
    const span = Math.min(roundUp(block.length, ARENA_ALIGN), this.#arena.size - block.offset);
    const entry: WindowEntry = { address, span, block, writable, state: 'mapping', life: 'used', count: 0, waiting: [] };
    block.retain();
    this.#entries.set(address, entry);
    const answered = new Promise<number | undefined>((resolve) => entry.waiting.push(resolve));
    this.#whenRunning(() => void this.#map(entry));
    return answered;
  }

  async #map(entry: WindowEntry): Promise<void> {
    const overlapping = this.#stale.filter(
      (old) => old.address < entry.address + entry.span && entry.address < old.address + old.span,
    );
    this.#stale = this.#stale.filter((old) => !overlapping.includes(old));
    // These may exist or not, so their answers are ignored; they come before the answer to the mapping.
    for (const old of overlapping) void this.#request(BackendRequest.SHMEM_UNMAP, old.address, old.span, false);
    const granted = await this.#request(BackendRequest.SHMEM_MAP, entry.address, entry.span, entry.writable);
    if (this.#entries.get(entry.address) !== entry) return;
    const waiting = entry.waiting.splice(0);
    if (!granted) {
      this.#remove(entry);
      for (const answer of waiting) answer(undefined);
      return;
    }
    entry.state = 'mapped';
    entry.count = waiting.length;
    for (const answer of waiting) answer(entry.address);
    this.#settle(entry);
  }

  /** Unmaps if the buffer is freed and the guest has no mapping left. */
  #settle(entry: WindowEntry): void {
    if (entry.state !== 'mapped' || entry.count > 0 || entry.life !== 'freed') return;
    entry.state = 'unmapping';
    this.#whenRunning(() => {
      void this.#request(BackendRequest.SHMEM_UNMAP, entry.address, entry.span, false).then((granted) => {
        if (this.#entries.get(entry.address) !== entry) return;
        if (!granted) this.#stale.push({ address: entry.address, span: entry.span });
        this.#remove(entry);
      });
    });
  }

  #remove(entry: WindowEntry): void {
    this.#entries.delete(entry.address);
    entry.block.release();
  }

  #whenRunning(send: () => void): void {
    if (this.#suspended) this.#due.push(send);
    else send();
  }

  #request(request: number, address: number, span: number, writable: boolean): Promise<boolean> {
    const payload = new Uint8Array(shmem_map.size);
    const view = new DataView(payload.buffer);
    const fields = shmem_map.fields;
    fields.fd_offset.set(view, 0, request === BackendRequest.SHMEM_MAP ? address % this.#half : 0);
    fields.shm_offset.set(view, 0, address);
    fields.length.set(view, 0, span);
    fields.flags.set(view, 0, writable ? SHMEM_MAP_RW : 0n);
    const fds = request === BackendRequest.SHMEM_MAP ? [this.#arena.fd] : [];
    return this.#channel?.request(request, payload, fds) ?? Promise.resolve(false);
  }
}
