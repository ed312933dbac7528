// SPDX-License-Identifier: Apache-2.0
import { roundToStep } from '../base/index.ts';
import type { ControlPort, DeclarationChange, SourceControl } from '../ports/index.ts';
import { SourceError } from './source-error.ts';

/** The controls of a source: their values, and who wants to know when one changes. */
export class SourceControls implements ControlPort {
  readonly #controls = new Map<number, { control: SourceControl; value: number }>();
  readonly #listeners = new Set<(id: number, value: number) => void>();

  constructor(declared: readonly SourceControl[]) {
    for (const control of declared) {
      const value = control.type === 'button' ? 0 : control.default;
      this.#controls.set(control.id, { control, value });
    }
  }

  get declared(): readonly SourceControl[] {
    return [...this.#controls.values()].map(({ control }) => control);
  }

  #entry(id: number): { control: SourceControl; value: number } {
    const entry = this.#controls.get(id);
    if (entry === undefined)
      throw new SourceError(`control 0x${id.toString(16)} is not one of this source's: ask only for declared ones`);
    return entry;
  }

  /** The value now; a button reads 0. Throws SourceError for a control that was not declared. */
  get(id: number): number {
    return this.#entry(id).value;
  }

  /**
   * Sets a value and tells the listeners if it changed (of a button: that it was pressed, value 0). Always taken: 0. Throws
   * SourceError for an undeclared control or a value outside its range.
   */
  set(id: number, value: number): number {
    const entry = this.#entry(id);
    const { control } = entry;
    if (control.type === 'button') {
      this.#tell(id, 0);
      return 0;
    }
    if (!within(control, value)) {
      throw new SourceError(
        `control ${control.name}: ${value} is outside ${control.minimum} to ${control.maximum}: clamp it first`,
      );
    }
    if (entry.value === value) return 0;
    entry.value = value;
    this.#tell(id, value);
    return 0;
  }

  /**
   * The camera has another range or other flags of a control now. A value outside of the range becomes the nearest inside, and a menu
   * its default; listeners are told. Throws SourceError for an undeclared control, or a default outside of the range.
   */
  change(id: number, change: DeclarationChange): void {
    const entry = this.#entry(id);
    const control = { ...entry.control, ...change };
    const { type, name, minimum, maximum, step } = control;
    if (type !== 'button') {
      if (!within(control, control.default)) {
        throw new SourceError(`control ${name}: its default ${control.default} is outside ${minimum} to ${maximum}: change both`);
      }
      const menu = type === 'menu' || type === 'integer-menu';
      if (!menu) entry.value = roundToStep(entry.value, minimum, maximum, step);
      else if (!within(control, entry.value)) entry.value = control.default;
    }
    entry.control = control;
    this.#tell(id, entry.value);
  }

  /** `listener` is called after each change, until the answer is disposed of. */
  onChange(listener: (id: number, value: number) => void): Disposable {
    // A function of its own, so that one listener registered twice is called twice and removed once.
    const own = (id: number, value: number): void => listener(id, value);
    this.#listeners.add(own);
    return { [Symbol.dispose]: () => void this.#listeners.delete(own) };
  }

  #tell(id: number, value: number): void {
    for (const listener of [...this.#listeners]) listener(id, value);
  }
}

function within({ minimum, maximum }: SourceControl, value: number): boolean {
  return Number.isInteger(value) && value >= minimum && value <= maximum;
}
