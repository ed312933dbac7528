// SPDX-License-Identifier: Apache-2.0
/**
 * The device of one client: its arena, its view of the guest's memory, its window, and the PCI function between them. It knows what a
 * client may ask for, not how that travels.
 */
import { PciFunction, type VirtioDevice, type VirtioPciDevice } from '@paravideo/core';
import type { Log } from '../../log/index.ts';
import { Arena, type GuestBudget, HostGuestMemory, type MemoryPolicy } from '../../memory/index.ts';
import { type GuestContext, polling, within } from '../common/index.ts';
import { DmaTable } from './dma-table.ts';
import { VfioInterrupts } from './vfio-interrupts.ts';
import { WholeWindow } from './whole-window.ts';

/** How long a reset waits for sessions that close: less than the 5 s after which QEMU gives a message up. */
const RESET_LIMIT = 3000;

/** The device side of one connection. */
export class PciGuest implements AsyncDisposable {
  readonly arena: Arena;
  readonly memory: HostGuestMemory;
  readonly window: WholeWindow;
  readonly dma: DmaTable;
  readonly interrupts: VfioInterrupts;
  readonly function: PciFunction;
  #disposed = false;

  /**
   * `arenaBytes` is a power of two; `shared`: whether the arena is shared memory region 0. Throws what `make` throws, with nothing
   * left behind.
   */
  constructor(o: {
    name: string;
    arenaBytes: number;
    budget?: GuestBudget | undefined;
    shared: boolean;
    policy?: MemoryPolicy;
    /** a page of the guest's memory, or of the arena, was gone when it was touched */
    fault?: () => void;
    make: (guest: GuestContext) => VirtioDevice;
    log: Log;
  }) {
    const { log } = o;
    const fault = (): void => o.fault?.();
    this.arena = Arena.create(o.name, o.arenaBytes, fault, o.budget?.buffers);
    this.memory = new HostGuestMemory(
      o.policy,
      {
        fault,
        shrinkable: () =>
          log.warn({}, 'guest memory is in a file that can be shrunk under us: a memfd that may be sealed is safer'),
      },
      o.budget?.addresses,
    );
    this.window = new WholeWindow(this.arena);
    this.dma = new DmaTable(this.memory);
    const { arena, memory, window } = this;
    let device: VirtioDevice;
    try {
      device = o.make({ arena, memory, window: o.shared ? window : undefined, budget: o.budget?.buffers });
    } catch (error) {
      this.arena[Symbol.dispose]();
      throw error;
    }
    this.function = new PciFunction(
      device,
      {
        memory,
        gate: memory.gate,
        shared: {
          read: (offset, into) => into.set(arena.mapping.bytes().subarray(offset, offset + into.length)),
          write: (offset, from) => arena.mapping.bytes().set(from, offset),
        },
        raiseVector: (n) => this.interrupts.raise(n),
        wasReset: () => {
          window.reset();
          this.interrupts.forget();
        },
        soon: setImmediate,
        within: (work) => within(work, RESET_LIMIT),
        now: () => performance.now(),
        polling,
        log: (level, about, text) => log[level](about, text),
      },
      { sharedBytes: arena.size },
    );
    this.interrupts = new VfioInterrupts(this.pci.vectors, log);
  }

  /** The function's registers, configuration space and regions. */
  get pci(): VirtioPciDevice {
    return this.function.pci;
  }

  /** The virtio device behind it. */
  get device(): VirtioDevice {
    return this.function.device;
  }

  /** Settles when no copy touches what has gone from guest memory, and it is unmapped; undefined if that is so now. */
  settled(): Promise<void> | undefined {
    const unmapped = this.memory.unmapped();
    const copies = this.memory.gate.ended();
    return unmapped === undefined ? copies : Promise.all([unmapped, copies]).then(() => {});
  }

  /** The client is gone: ends sessions and the device, then gives back all memory and descriptors. Never rejects. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#disposed) return;
    this.#disposed = true;
    this.interrupts[Symbol.dispose]();
    await this.function[Symbol.asyncDispose]();
    this.window.reset();
    this.memory[Symbol.dispose]();
    await this.memory.unmapped();
    this.arena[Symbol.dispose]();
  }
}
