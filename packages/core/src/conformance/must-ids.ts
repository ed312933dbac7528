// SPDX-License-Identifier: Apache-2.0
/** The rules that a device has to keep, and what cannot be seen of them from outside. */

const numbered = (prefix: string, last: number): string[] => Array.from({ length: last }, (_, i) => `${prefix}${i + 1}`);

/**
 * Every id that a device must keep: VM-D, VM-DX, P, and STOP, a rule of the transports. docs/RULES.md says what each means.
 */
export const DEVICE_MUST_IDS: readonly string[] = [
  ...numbered('VM-D', 9),
  ...numbered('VM-DX', 17),
  ...numbered('P', 19),
  'STOP',
];

/** An id, or the part of it, that a check from outside cannot reach. */
export interface UntestableRule {
  readonly id: string;
  /** all of it, or only what the reason names */
  readonly extent: 'all' | 'part';
  readonly reason: string;
}

/** Ids that have no check, or whose check leaves something out. */
export const UNTESTABLE: readonly UntestableRule[] = [
  {
    id: 'VM-D8',
    extent: 'part',
    reason:
      'VIRTIO_OBJECT buffers need a second device that exports objects; the check asks for a clean refusal where they are not offered',
  },
  {
    id: 'VM-DX16',
    extent: 'part',
    reason: 'the same: UUIDs can only be exchanged with a device that has VIRTIO_OBJECT buffers',
  },
  {
    id: 'VM-D9',
    extent: 'part',
    reason:
      'a sound device sends no EVT_ERROR (P11), and a driver cannot make it; checked in tests, where the device can be made to fail',
  },
  { id: 'VM-DX8', extent: 'part', reason: 'the same: only after EVT_ERROR' },
  {
    id: 'P11',
    extent: 'part',
    reason: 'that EVT_ERROR is avoided shows only in its absence: the suite counts them over the whole run',
  },
];
