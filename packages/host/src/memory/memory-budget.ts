// SPDX-License-Identifier: Apache-2.0
/** Bytes that may be had of something: of one guest, and of all guests together, whose budget stands behind each guest's. */
export class MemoryBudget {
  readonly limit: number;
  readonly #all: MemoryBudget | undefined;
  #used = 0;

  /** `all` counts what every budget in front of it counts. */
  constructor(limit: number, all?: MemoryBudget) {
    this.limit = limit;
    this.#all = all;
  }

  /** bytes taken and not given back */
  get used(): number {
    return this.#used;
  }

  /** Bytes that `take` would grant now. */
  get room(): number {
    return Math.min(this.limit - this.#used, this.#all?.room ?? Number.POSITIVE_INFINITY);
  }

  /** Takes so many bytes, or none: then false. */
  take(bytes: number): boolean {
    if (bytes > this.room) return false;
    for (let budget: MemoryBudget | undefined = this; budget !== undefined; budget = budget.#all) budget.#used += bytes;
    return true;
  }

  /** Gives bytes back that were taken. */
  give(bytes: number): void {
    for (let budget: MemoryBudget | undefined = this; budget !== undefined; budget = budget.#all) budget.#used -= bytes;
  }
}

/** What one guest may have. */
export interface GuestBudget {
  /** bytes of its buffers, in its arenas */
  readonly buffers: MemoryBudget;
  /** bytes of its memory that is mapped here: addresses, not pages */
  readonly addresses: MemoryBudget;
}

/** Limits in bytes, for one guest and for all. */
export interface BudgetLimits {
  readonly buffers: { readonly guest: number; readonly all: number };
  readonly addresses: { readonly guest: number; readonly all: number };
}

/** The budgets of a daemon: one for each connection, or for all connections of a virtual machine whose name is known. */
export class GuestBudgets {
  readonly #limits: BudgetLimits;
  readonly #buffers: MemoryBudget;
  readonly #addresses: MemoryBudget;
  readonly #machines = new Map<string, GuestBudget>();

  constructor(limits: BudgetLimits) {
    this.#limits = limits;
    this.#buffers = new MemoryBudget(limits.buffers.all);
    this.#addresses = new MemoryBudget(limits.addresses.all);
  }

  /** The budget of a new connection; connections with the same `machine` share one. */
  of(machine: string | undefined): GuestBudget {
    const existing = machine === undefined ? undefined : this.#machines.get(machine);
    if (existing !== undefined) return existing;
    const made = {
      buffers: new MemoryBudget(this.#limits.buffers.guest, this.#buffers),
      addresses: new MemoryBudget(this.#limits.addresses.guest, this.#addresses),
    };
    if (machine !== undefined) this.#machines.set(machine, made);
    return made;
  }
}
