// SPDX-License-Identifier: Apache-2.0
import type { ControlPort, SourceControl } from '../ports/control-port.ts';
import { SourceControls } from '../source/source-controls.ts';

/** Controls of a camera that has to be asked: a test answers, in the order in which they were set. */
export class LateControls implements ControlPort {
  /** what the camera itself does */
  readonly camera: SourceControls;
  readonly #asked: { id: number; value: number; answer: (errno: number) => void }[] = [];

  constructor(declared: readonly SourceControl[]) {
    this.camera = new SourceControls(declared);
  }

  get declared(): readonly SourceControl[] {
    return this.camera.declared;
  }

  /** values that are not answered yet */
  get asked(): number {
    return this.#asked.length;
  }

  get(id: number): number {
    return this.camera.get(id);
  }

  set(id: number, value: number): Promise<number> {
    const { promise, resolve } = Promise.withResolvers<number>();
    this.#asked.push({ id, value, answer: resolve });
    return promise;
  }

  onChange(listener: (id: number, value: number) => void): Disposable {
    return this.camera.onChange(listener);
  }

  /** The camera takes the value that it was asked to first, or refuses it with an errno. */
  answer(errno = 0): void {
    const asked = this.#asked.shift();
    if (asked === undefined) throw new RangeError('nothing was asked of the camera');
    if (errno === 0) this.camera.set(asked.id, asked.value);
    asked.answer(errno);
  }
}
