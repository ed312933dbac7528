// SPDX-License-Identifier: Apache-2.0
/** Runs actions in the order in which they were added, each not before its promise has settled. Actions must not throw. */
export class InOrder {
  readonly #queue: { ready: boolean; readonly act: () => void }[] = [];
  #running = false;

  /** With no `after`, and nothing before it, `act` runs at once. */
  add(act: () => void, after?: Promise<unknown>): void {
    const entry = { ready: after === undefined, act };
    this.#queue.push(entry);
    if (after !== undefined) {
      const settled = (): void => {
        entry.ready = true;
        this.#run();
      };
      after.then(settled, settled);
    }
    this.#run();
  }

  #run(): void {
    // An action may add another.
    if (this.#running) return;
    this.#running = true;
    while (this.#queue[0]?.ready === true) this.#queue.shift()?.act();
    this.#running = false;
  }
}
