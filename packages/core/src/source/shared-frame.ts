// SPDX-License-Identifier: Apache-2.0
import type { CapturedFrame, Frame, PlaneStorage } from '../ports/index.ts';
import { SourceError } from './source-error.ts';

/** A captured frame in the hands of several streams; it goes back to its adapter with the last reference. */
export class SharedFrame implements Frame {
  readonly sequence: number;
  readonly #captured: CapturedFrame;
  #references = 1;

  /** With one reference, the caller's. */
  constructor(captured: CapturedFrame, sequence: number) {
    this.#captured = captured;
    this.sequence = sequence;
  }

  get timestamp(): number {
    return this.#captured.timestamp;
  }

  get field(): number {
    return this.#captured.field;
  }

  get planes(): readonly PlaneStorage[] {
    return this.#captured.planes;
  }

  retain(): void {
    if (this.#references === 0) throw new SourceError(`frame ${this.sequence} was retained after its last release`);
    this.#references += 1;
  }

  release(): void {
    if (this.#references === 0) throw new SourceError(`frame ${this.sequence} was released once too often`);
    this.#references -= 1;
    if (this.#references === 0) this.#captured.release();
  }
}
