// SPDX-License-Identifier: Apache-2.0
/** The values that a configuration gives to controls of a camera, by their names: `set: { brightness: 200, horizontal_flip: true }`. */
import { type FrameSource, roundToStep, type SourceControl } from '@paravideo/core';
import { ConfigError } from './config-error.ts';
import type { Logger } from './logger.ts';

/** Values of controls as they are written. */
export type WrittenValues = Readonly<Record<string, number | boolean>>;

/** The same by id. Throws `ConfigError`, with `field`, for a control that the source does not have, or a value that it cannot have. */
export function valuesById(
  declared: readonly SourceControl[],
  written: WrittenValues,
  field: string,
): ReadonlyMap<number, number> {
  const settable = declared.filter(({ type }) => type !== 'button');
  const mistakes: string[] = [];
  const values = new Map<number, number>();
  for (const [key, value] of Object.entries(written)) {
    const control = settable.find(({ name }) => writtenName(name) === key);
    if (control === undefined) {
      const known = settable.map(({ name }) => writtenName(name)).join(', ') || 'none';
      mistakes.push(`${field}.set.${key}: the source has no such control (there are: ${known})`);
    } else if (fits(control, Number(value))) values.set(control.id, Number(value));
    else mistakes.push(`${field}.set.${key}: ${rangeOf(control)}`);
  }
  if (mistakes.length > 0) throw new ConfigError(mistakes);
  return values;
}

/** Sets these values, and again whenever the camera comes back, for all as long as there is the source. */
export function keepValues(source: FrameSource, values: ReadonlyMap<number, number>, log: Logger): void {
  const set = (): void => {
    const { presence } = source;
    if (presence.kind !== 'present' || presence.noSignal !== undefined) return;
    for (const [id, value] of values) {
      const refused = (reason: unknown): void =>
        log.warn({ control: id, value, reason }, 'the source does not take a value that the configuration gives to a control');
      void Promise.resolve(source.controls.set(id, value)).then((errno) => errno !== 0 && refused(`errno ${errno}`), refused);
    }
  };
  set();
  source.watch((change) => (change === 'came' || change === 'signal') && set());
}

/** A control's name as v4l2-ctl writes it: "Horizontal Flip" is horizontal_flip. */
function writtenName(name: string): string {
  return name
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '_')
    .replace(/^_|_$/g, '');
}

function fits({ type, minimum, maximum, step, menu, integerMenu }: SourceControl, value: number): boolean {
  if (!Number.isInteger(value) || value !== roundToStep(value, minimum, maximum, step)) return false;
  if (type === 'menu') return (menu?.[value] ?? '') !== '';
  return type !== 'integer-menu' || integerMenu?.[value] !== undefined;
}

function rangeOf({ type, minimum, maximum, step, menu, integerMenu }: SourceControl): string {
  if (type === 'boolean') return 'must be true or false';
  const items = type === 'menu' ? menu : type === 'integer-menu' ? integerMenu : undefined;
  if (items === undefined) return `must be from ${minimum} to ${maximum}${step > 1 ? `, in steps of ${step}` : ''}`;
  return `must be one of ${items.flatMap((item, i) => (item === '' || item === undefined ? [] : [`${i} (${item})`])).join(', ')}`;
}
