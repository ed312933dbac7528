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

/** What children have, for the log. */
export const cgroupText = (): string =>
  joined instanceof CgroupTree ? joined.text : none(joined ?? 'this process was not told to make any');

/** What a daemon that is started in the cgroup of this process would make of it, for people. */
export function delegationText(): string {
  const place = delegatedCgroup();
  return 'none' in place ? none(place.none) : 'cgroups of their own';
}

const none = (reason: string): string => `no cgroups of their own (${reason})`;
