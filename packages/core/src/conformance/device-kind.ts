// SPDX-License-Identifier: Apache-2.0
/** What a device is, as far as checks care. */
export type DeviceKind = 'capture' | 'output' | 'decoder' | 'other';

/** Kinds of device that a check is for; `pictures`: those with one queue of pictures, cameras and outputs. */
export type Applicability = 'any' | 'pictures' | Exclude<DeviceKind, 'other'>;

/** True if the check is for such a device. */
export function appliesTo(applies: Applicability, kind: DeviceKind): boolean {
  return applies === 'any' || applies === kind || (applies === 'pictures' && (kind === 'capture' || kind === 'output'));
}
