// SPDX-License-Identifier: Apache-2.0
import type { ControlPort } from '../ports/index.ts';
import { Errno } from '../wire/index.ts';

/**
 * The controls of a camera as those have them who may not set any: they read and hear of changes, and get EACCES. Buttons, which are
 * there to be set alone, are left out.
 */
export function fixedControls(controls: ControlPort): ControlPort {
  return {
    get declared() {
      return controls.declared.filter(({ type }) => type !== 'button').map((control) => ({ ...control, readOnly: true }));
    },
    get: (id) => controls.get(id),
    set: () => Errno.EACCES,
    onChange: (listener) => controls.onChange(listener),
  };
}
