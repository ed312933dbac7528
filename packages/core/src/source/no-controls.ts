// SPDX-License-Identifier: Apache-2.0
import type { ControlPort } from '../ports/index.ts';
import { SourceError } from './source-error.ts';

/** The controls of a camera that has none. */
export const NO_CONTROLS: ControlPort = {
  declared: [],
  get: refuse,
  set: refuse,
  onChange: () => ({ [Symbol.dispose]: () => {} }),
};

function refuse(id: number): never {
  throw new SourceError(`control 0x${id.toString(16)} of a camera without controls: ask only for declared ones`);
}
