// SPDX-License-Identifier: Apache-2.0
import type { UserMemory } from '../device/framework/media-device.ts';
import type { GuestMemory } from '../memory/guest-memory.ts';
import type { GuestRange } from '../ports/buffer-memory.ts';

/** `UserMemory` over guest memory: control values behind a scatter list. */
export class GuestUserMemory implements UserMemory {
  readonly #memory: GuestMemory;

  constructor(memory: GuestMemory) {
    this.#memory = memory;
  }

  read(ranges: readonly GuestRange[], length: number): Uint8Array | undefined {
    const all = new Uint8Array(length);
    return this.#each(ranges, all, (address, part) => this.#memory.read(address, part)) ? all : undefined;
  }

  write(ranges: readonly GuestRange[], bytes: Uint8Array): boolean {
    return this.#each(ranges, bytes, (address, part) => this.#memory.write(address, part));
  }

  #each(ranges: readonly GuestRange[], bytes: Uint8Array, move: (address: number, part: Uint8Array) => boolean): boolean {
    let at = 0;
    for (const range of ranges) {
      if (at === bytes.length) break;
      const part = bytes.subarray(at, Math.min(bytes.length, at + range.length));
      if (!move(range.address, part)) return false;
      at += part.length;
    }
    return at === bytes.length;
  }
}
