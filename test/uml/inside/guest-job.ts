// SPDX-License-Identifier: Apache-2.0
import type { DaemonSettings, DeviceInput } from '../../../packages/host/src/daemon/index.ts';
import type { ScriptResult } from '../../vm/harness/index.ts';
import type { Lab } from '../../vm/lab/index.ts';

/** What `guest.ts` is to do. */
export interface GuestJob {
  readonly lab: Lab;
  /** the daemon's; the machine has one of each, and shows it by its name */
  readonly devices: readonly DeviceInput[];
  readonly sources?: NonNullable<DaemonSettings['sources']>;
  /** memory of the machine; 256 unless told */
  readonly memoryMiB?: number;
  /** milliseconds that each script may take */
  readonly timeout?: number;
  /** run one after another; `$NAME` in them is the node of the device NAME */
  readonly scripts: readonly string[];
}

/** What `guest.ts` tells of it. */
export interface GuestTold {
  /** one for each script */
  readonly results: readonly ScriptResult[];
  readonly bootMillis: number;
  /** what the machine's console has shown */
  readonly console: string;
  /** the log of the daemon */
  readonly daemon: string;
}
