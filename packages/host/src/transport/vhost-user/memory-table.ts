// SPDX-License-Identifier: Apache-2.0
/**
 * The regions that the front-end shares: what lies where for the guest (kept in a `HostGuestMemory`) and for the front-end
 * itself, whose addresses name the rings. With GPA_ADDRESSES the two are the same, and a user address of 0 is fine.
 */
import type { HostGuestMemory } from '../../memory/index.ts';
import type { Fd, MemoryMapping } from '../../sys/index.ts';
import { MAX_MEM_SLOTS } from './protocol.ts';
import { VhostRefusedError } from './vhost-user-error.ts';

/** A region as a message describes it. Sizes and guest addresses beyond 2^53 arrive as NaN or Infinity and are refused. */
export interface RegionDescription {
  readonly guestAddress: number;
  readonly size: number;
  /** opaque to us but for its difference to the addresses of rings */
  readonly userAddress: bigint;
  readonly mmapOffset: number;
}

/** The memory table of one connection. */
export class MemoryTable {
  readonly #memory: HostGuestMemory;
  #regions: RegionDescription[] = [];

  constructor(memory: HostGuestMemory) {
    this.#memory = memory;
  }

  /** Number of regions. */
  get size(): number {
    return this.#regions.length;
  }

  /** ADD_MEM_REG. The descriptor is borrowed. Throws `VhostRefusedError`. */
  add(region: RegionDescription, fd: Fd): void {
    if (this.#regions.length >= MAX_MEM_SLOTS) throw new VhostRefusedError('VU-V17', `more than ${MAX_MEM_SLOTS} memory regions`);
    const mapping = map(this.#memory, region, fd);
    try {
      this.#memory.addMapping(region.guestAddress, mapping);
    } catch (error) {
      mapping[Symbol.dispose]();
      throw new VhostRefusedError('VU-V5', error instanceof Error ? error.message : String(error));
    }
    this.#regions.push(region);
  }

  /** REM_MEM_REG: guest address, size and user address name the region. Throws `VhostRefusedError` if there is none like it. */
  remove(region: RegionDescription): void {
    const at = this.#regions.findIndex(
      (r) => r.guestAddress === region.guestAddress && r.size === region.size && r.userAddress === region.userAddress,
    );
    if (at < 0) throw new VhostRefusedError('VU-V5', `no memory region ${describe(region)}`);
    this.#regions.splice(at, 1);
    this.#memory.removeRegion(region.guestAddress);
  }

  /** SET_MEM_TABLE: everything new, or, if any of it is refused (`VhostRefusedError`), everything as it was. */
  replace(regions: readonly RegionDescription[], fds: readonly Fd[]): void {
    for (const [i, a] of regions.entries()) {
      for (const b of regions.slice(0, i)) {
        if (a.guestAddress < b.guestAddress + b.size && b.guestAddress < a.guestAddress + a.size) {
          throw new VhostRefusedError('VU-V5', `memory region ${describe(a)} overlaps ${describe(b)}`);
        }
      }
    }
    const total = regions.reduce((sum, region) => sum + region.size, 0);
    if (!this.#memory.mayBecome(total)) {
      throw new VhostRefusedError('VU-V17', `${total} bytes of memory: raise guest-addresses or all-addresses`);
    }
    const mappings: MemoryMapping[] = [];
    try {
      for (const [i, region] of regions.entries())
        mappings.push(map(this.#memory, region, fds[i] as Fd, sum(this.#regions) - sum(regions.slice(0, i))));
    } catch (error) {
      for (const mapping of mappings) mapping[Symbol.dispose]();
      throw error;
    }
    this.#memory.clear();
    this.#regions = [...regions];
    for (const [i, region] of regions.entries()) this.#memory.addMapping(region.guestAddress, mappings[i] as MemoryMapping);
  }

  /** Guest address of `length` bytes at an address of the front-end, if they lie in one region (VU-V7). */
  guestAddress(userAddress: bigint, length: number): number | undefined {
    for (const region of this.#regions) {
      const offset = userAddress - region.userAddress;
      if (offset >= 0n && offset < BigInt(region.size) && Number(offset) + length <= region.size) {
        return region.guestAddress + Number(offset);
      }
    }
    return undefined;
  }
}

const sum = (regions: readonly RegionDescription[]): number => regions.reduce((bytes, { size }) => bytes + size, 0);

function describe(region: RegionDescription): string {
  return `of ${region.size} bytes at guest address ${region.guestAddress}, user address ${region.userAddress}`;
}

/** VU-V5: a region with bytes, without overflow, inside its file; then its mapping. */
function map(memory: HostGuestMemory, region: RegionDescription, fd: Fd, replaced = 0): MemoryMapping {
  const { guestAddress, size, userAddress, mmapOffset } = region;
  const sound =
    Number.isSafeInteger(guestAddress) &&
    Number.isSafeInteger(size) &&
    Number.isSafeInteger(mmapOffset) &&
    size > 0 &&
    Number.isSafeInteger(guestAddress + size) &&
    Number.isSafeInteger(mmapOffset + size) &&
    userAddress + BigInt(size) <= 2n ** 64n;
  if (!sound) throw new VhostRefusedError('VU-V5', `impossible memory region ${describe(region)}, file offset ${mmapOffset}`);
  try {
    return memory.mapFile(fd, mmapOffset, size, replaced);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new VhostRefusedError('VU-V5', `memory region ${describe(region)} cannot be mapped: ${reason}`);
  }
}
