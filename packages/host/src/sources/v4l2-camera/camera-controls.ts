// SPDX-License-Identifier: Apache-2.0
import { type ControlPort, type DeclarationChange, Errno, type SourceControl, SourceControls } from '@paravideo/core';
import type { CameraDescription } from './camera-messages.ts';

/** Asks the camera to set a control; resolves to an errno, and the value that it took. */
export type AskCamera = (control: number, value: number) => Promise<{ readonly errno: number; readonly value: number }>;

/**
 * The controls of a camera of this machine. Values are those that the camera told last: when it was found, when a control was set,
 * and whenever one changed by itself while it streamed.
 */
export class CameraControls implements ControlPort {
  readonly #known: SourceControls;
  readonly #ask: AskCamera;
  #there = true;

  constructor({ controls, values }: Pick<CameraDescription, 'controls' | 'values'>, ask: AskCamera) {
    this.#known = new SourceControls(controls);
    this.#ask = ask;
    for (const [id, value] of values) this.#take(id, value);
  }

  get declared(): readonly SourceControl[] {
    return this.#known.declared;
  }

  get(id: number): number {
    return this.#known.get(id);
  }

  async set(id: number, value: number): Promise<number> {
    if (!this.#there) return Errno.ENODEV;
    const answer = await this.#ask(id, value);
    if (answer.errno !== 0) return answer.errno;
    // Those who watch a button want to know that it was pressed.
    if (this.#type(id) === 'button') this.#known.set(id, 0);
    else this.#take(id, answer.value);
    return 0;
  }

  onChange(listener: (id: number, value: number) => void): Disposable {
    return this.#known.onChange(listener);
  }

  /** The camera went. */
  gone(): void {
    this.#there = false;
  }

  /** A camera is there again: what it does not have of the controls that are declared is disabled. */
  found({ controls, values }: Pick<CameraDescription, 'controls' | 'values'>): void {
    this.#there = true;
    for (const { id, type } of this.#known.declared) {
      const now = controls.find((control) => control.id === id && control.type === type);
      if (now === undefined) {
        this.#known.change(id, { disabled: true });
        continue;
      }
      const { minimum, maximum, step, default: usual, inactive, grabbed, readOnly, disabled } = now;
      this.changed(id, values.get(id) ?? usual, {
        minimum,
        maximum,
        step,
        default: usual,
        inactive: inactive === true,
        grabbed: grabbed === true,
        readOnly: readOnly === true,
        disabled: disabled === true,
      });
    }
  }

  /** The camera says that a control is another now. */
  changed(id: number, value: number, change: DeclarationChange): void {
    const before = this.#known.declared.find((control) => control.id === id);
    if (before === undefined) return;
    // The listeners hear of a declaration only if it is another one.
    const keys = Object.keys(change) as (keyof DeclarationChange)[];
    const fits = before.type === 'button' || within(change, change.default);
    if (fits && keys.some((key) => (before[key] ?? false) !== (change[key] ?? false))) this.#known.change(id, change);
    this.#take(id, value);
  }

  #type(id: number): SourceControl['type'] | undefined {
    return this.#known.declared.find((control) => control.id === id)?.type;
  }

  /** A value that is outside of what the camera itself declared is not believed. */
  #take(id: number, value: number): void {
    const control = this.#known.declared.find((each) => each.id === id);
    if (control === undefined || control.type === 'button' || !within(control, value)) return;
    this.#known.set(id, value);
  }
}

function within({ minimum = 0, maximum = 0 }: Pick<DeclarationChange, 'minimum' | 'maximum'>, value = 0): boolean {
  return Number.isInteger(value) && value >= minimum && value <= maximum;
}
