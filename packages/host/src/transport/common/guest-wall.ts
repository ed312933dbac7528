// SPDX-License-Identifier: Apache-2.0
/**
 * A wall around all that works for one guest: an exception there ends that guest's device and nothing else. What is begun inside
 * (timers, promises, watches of descriptors, child processes) stays inside by itself, for Node carries the wall along; what
 * nobody caught is brought to `GuestWall.ended` by the process's last resort.
 */
import { AsyncLocalStorage } from 'node:async_hooks';

const inside = new AsyncLocalStorage<GuestWall>();

/** See the top of the file. */
export class GuestWall {
  readonly #end: (error: Error) => void;

  /** `end` ends the guest's device, once or more often. */
  constructor(end: (error: Error) => void) {
    this.#end = end;
  }

  /** Does work for this guest; throws what it throws. */
  run<T>(work: () => T): T {
    return inside.run(this, work);
  }

  /** A function of the guest inside whose wall this is called, for others to call: what it throws ends the guest, not its caller. */
  static bind<A extends unknown[], R>(work: (...args: A) => R, otherwise: R): (...args: A) => R {
    const wall = inside.getStore();
    return (...args) => {
      try {
        return inside.run(wall as GuestWall, work, ...args);
      } catch (error) {
        if (wall === undefined) throw error;
        inside.run(wall, () => GuestWall.ended(error));
        return otherwise;
      }
    };
  }

  /** Does work for all: what is begun there belongs to no guest. */
  static outside<T>(work: () => T): T {
    return inside.exit(work);
  }

  /** Ends the guest inside whose wall this is called, for a fault that nobody caught. False if there is none. */
  static ended(fault: unknown): boolean {
    const wall = inside.getStore();
    if (wall === undefined) return false;
    wall.#end(fault instanceof Error ? fault : new TypeError(`thrown: ${String(fault)}`));
    return true;
  }
}
