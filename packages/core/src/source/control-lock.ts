// SPDX-License-Identifier: Apache-2.0
import type { ControlPort } from '../ports/index.ts';
import { Errno } from '../wire/index.ts';

/** What one guest has of a lock. */
interface LockUser {
  readonly controls: ControlPort;
  readonly listeners: Set<(id: number, value: number) => void>;
}

/**
 * The controls of a camera that one guest at a time may set: the first that does has them until it lets go. For the others they are
 * grabbed meanwhile: these read them, hear of changes, and get EBUSY.
 */
export class ControlLock {
  readonly #users = new Set<LockUser>();
  #holder: LockUser | undefined;

  /** `controls` as one guest has them; disposing of that lets go. */
  guard(controls: ControlPort): ControlPort & Disposable {
    const self: LockUser = { controls, listeners: new Set() };
    const grabbed = (): boolean => this.#holder !== undefined && this.#holder !== self;
    this.#users.add(self);
    return {
      get declared() {
        return grabbed() ? controls.declared.map((control) => ({ ...control, grabbed: true })) : controls.declared;
      },
      get: (id) => controls.get(id),
      set: (id, value) => {
        if (this.#holder === undefined) this.#hold(self);
        return this.#holder === self ? controls.set(id, value) : Errno.EBUSY;
      },
      onChange: (listener) => {
        const own = (id: number, value: number): void => listener(id, value);
        self.listeners.add(own);
        const listening = controls.onChange(own);
        return {
          [Symbol.dispose]: () => {
            self.listeners.delete(own);
            listening[Symbol.dispose]();
          },
        };
      },
      [Symbol.dispose]: () => {
        this.#users.delete(self);
        if (this.#holder === self) this.#hold(undefined);
      },
    };
  }

  /** Another guest, or none, has the controls now: the flags of those who do not are others. */
  #hold(holder: LockUser | undefined): void {
    this.#holder = holder;
    for (const user of [...this.#users]) if (user !== holder) tellAll(user);
  }
}

function tellAll({ controls, listeners }: LockUser): void {
  for (const { id } of controls.declared) for (const listener of [...listeners]) listener(id, controls.get(id));
}
