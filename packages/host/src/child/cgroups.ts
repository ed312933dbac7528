// SPDX-License-Identifier: Apache-2.0
/** The cgroups of this process's children. A process that only uses this library stays where it is: who serves, joins. */
import { delegatedCgroup } from './cgroup-place.ts';
import { CgroupTree } from './cgroup-tree.ts';

let joined: CgroupTree | string | undefined;

/** Has every child from now on in a cgroup of its own, if the cgroup of this process was delegated to it. Never throws. */
export function joinCgroups(): void {
  if (joined !== undefined) return;
  const place = delegatedCgroup();
  try {
    joined = 'none' in place ? place.none : CgroupTree.join(place.base);
  } catch (error) {
    joined = `delegated, and refused: ${(error as Error).message}`;
  }
}

/** Where children are put; undefined where there is nothing of the kind. */
export const childCgroups = (): CgroupTree | undefined => (joined instanceof CgroupTree ? joined : undefined);

/** What children have, or here would have, for the log and for people. */
export function cgroupText(): string {
  if (joined instanceof CgroupTree) return joined.text;
  const place = joined === undefined ? delegatedCgroup() : { none: joined };
  return 'none' in place ? `no cgroups of their own (${place.none})` : 'cgroups of their own';
}
