// SPDX-License-Identifier: Apache-2.0
/** "Something changed, look again": wakes everybody who waits. */
export class WakeSignal {
  #waiters: (() => void)[] = [];

  raise(): void {
    for (const wake of this.#waiters.splice(0)) wake();
  }

  /** Resolves when it is raised the next time. */
  wait(): Promise<void> {
    return new Promise((resolve) => this.#waiters.push(resolve));
  }
}
