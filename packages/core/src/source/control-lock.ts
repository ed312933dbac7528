// SPDX-License-Identifier: Apache-2.0
import type { ControlPort } from '../ports/index.ts';
import { Errno } from '../wire/index.ts';

/**
 * The controls of a camera that one guest at a time may set: the first that does has them until it lets go. Others read them, hear of
 * changes, and get EBUSY.
 */
export class ControlLock {
  #holder: object | undefined;

  /** `controls` as one guest has them; disposing of that lets go. */
  guard(controls: ControlPort): ControlPort & Disposable {
    const self = {};
    return {
      get declared() {
        return controls.declared;
      },
      get: (id) => controls.get(id),
      set: (id, value) => {
        this.#holder ??= self;
        return this.#holder === self ? controls.set(id, value) : Errno.EBUSY;
      },
      onChange: (listener) => controls.onChange(listener),
      [Symbol.dispose]: () => {
        if (this.#holder === self) this.#holder = undefined;
      },
    };
  }
}
