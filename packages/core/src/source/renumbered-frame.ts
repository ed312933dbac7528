// SPDX-License-Identifier: Apache-2.0
import type { Frame, PlaneStorage } from '../ports/index.ts';

/** A frame under the number, and at the time, that it has in a stream which comes from one source after another. */
export class RenumberedFrame implements Frame {
  readonly sequence: number;
  readonly timestamp: number;
  readonly #frame: Frame;

  constructor(frame: Frame, sequence: number, timestamp: number = frame.timestamp) {
    this.#frame = frame;
    this.sequence = sequence;
    this.timestamp = timestamp;
  }

  get field(): number {
    return this.#frame.field;
  }

  get planes(): readonly PlaneStorage[] {
    return this.#frame.planes;
  }

  retain(): void {
    this.#frame.retain();
  }

  release(): void {
    this.#frame.release();
  }
}
