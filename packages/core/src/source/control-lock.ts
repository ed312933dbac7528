// SPDX-License-Identifier: Apache-2.0
import type { FrameSource } from '../ports/index.ts';
import { Errno } from '../wire/index.ts';

/**
 * The controls of a camera that one guest at a time may set: the first that does has them until it lets go. Others read them, hear of
 * changes, and get EBUSY.
 */
export class ControlLock {
  #holder: object | undefined;

  /** `source` as one guest has it; disposing of it lets go. */
  guard(source: FrameSource): FrameSource & Disposable {
    const self = {};
    return {
      get capabilities() {
        return source.capabilities;
      },
      get presence() {
        return source.presence;
      },
      watch: (listener) => source.watch(listener),
      start: (wanted, consumer) => source.start(wanted, consumer),
      control: (id) => source.control(id),
      setControl: (id, value) => {
        this.#holder ??= self;
        return this.#holder === self ? source.setControl(id, value) : Errno.EBUSY;
      },
      onControlChange: (listener) => source.onControlChange(listener),
      [Symbol.dispose]: () => {
        if (this.#holder === self) this.#holder = undefined;
      },
    };
  }
}
