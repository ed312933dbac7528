// SPDX-License-Identifier: Apache-2.0
import { type GuestBlock, RangeAllocator } from '@paravideo/core';
import { HostGuestMemory } from '../memory/index.ts';
import { type Fd, MemoryMapping, memfd, PAGE_SIZE } from '../sys/index.ts';
import { FrontendError } from './frontend-error.ts';

/** A piece of guest RAM. */
export interface RamRegion {
  /** guest-physical, a multiple of a page */
  readonly address: number;
  readonly length: number;
  readonly fd: Fd;
  /** address in this process: what vhost-user calls the user address */
  readonly userAddress: number;
}

interface OwnedRegion extends RamRegion {
  readonly ranges: RangeAllocator;
}

/** The memory of the guest that a front-end plays: memfds, mapped here and shared with the back-end, and who uses what of it. */
export class GuestRam implements Disposable {
  readonly memory: HostGuestMemory = new HostGuestMemory();
  readonly #regions: OwnedRegion[] = [];

  /** The regions, in the order in which they were added: the order in which they are used, too. */
  get regions(): readonly RamRegion[] {
    return this.#regions;
  }

  /** Adds `length` bytes of RAM at `address`; throws `MemoryError` if they overlap others. */
  add(address: number, length: number): RamRegion {
    const fd = memfd('guest-ram', length);
    let mapping: MemoryMapping | undefined;
    try {
      mapping = MemoryMapping.map(fd, 0, length, { writable: true });
      this.memory.addMapping(address, mapping);
      const region = {
        address,
        length,
        fd,
        userAddress: mapping.address,
        ranges: new RangeAllocator(address, length, PAGE_SIZE),
      };
      this.#regions.push(region);
      return region;
    } catch (error) {
      mapping?.[Symbol.dispose]();
      fd.close();
      throw error;
    }
  }

  /** Takes a region away; its blocks are void. */
  remove(address: number): RamRegion {
    const at = this.#regions.findIndex((region) => region.address === address);
    const [region] = at < 0 ? [] : this.#regions.splice(at, 1);
    if (region === undefined) throw new FrontendError(`no guest memory starts at ${address}`);
    this.memory.removeRegion(address);
    region.fd.close();
    return region;
  }

  /** See `DriverTransport.allocate`. */
  allocate(length: number, align: number = PAGE_SIZE): GuestBlock {
    for (const region of this.#regions) {
      const address = region.ranges.take(length, align);
      if (address === undefined) continue;
      const window = this.memory.window(address, length);
      if (window === undefined) throw new FrontendError(`guest memory at ${address} is not there`);
      window.bytes.fill(0);
      let live = true;
      return {
        address,
        bytes: window.bytes,
        free: () => {
          if (live) region.ranges.give(address, length);
          live = false;
        },
      };
    }
    throw new FrontendError(`no ${length} bytes of guest memory are left: connect with a larger memoryBytes`);
  }

  /** Where an address of the guest lies in this process; undefined where there is no RAM. */
  userAddress(address: number): number | undefined {
    const region = this.#regions.find((r) => address >= r.address && address < r.address + r.length);
    return region === undefined ? undefined : region.userAddress + (address - region.address);
  }

  [Symbol.dispose](): void {
    for (const { address } of [...this.#regions]) this.remove(address);
  }
}
