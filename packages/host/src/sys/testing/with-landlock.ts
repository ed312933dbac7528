// SPDX-License-Identifier: Apache-2.0
import { landlockVersion } from '../landlock.ts';

/** Whether this kernel lets processes be kept from files; where it does not, the output of the tests says what was left out. */
export const withLandlock = landlockVersion() > 0;

if (!withLandlock) console.warn('NO TESTS OF LIVE STREAMS AND CONFINED PROCESSES: this kernel has no Landlock');
