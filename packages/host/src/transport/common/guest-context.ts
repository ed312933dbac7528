// SPDX-License-Identifier: Apache-2.0
import type { SharedWindow } from '@paravideo/core';
import type { Arena, HostGuestMemory, MemoryBudget } from '../../memory/index.ts';

/** What a device is made from: one guest's memory, and what belongs to that guest alone. */
export interface GuestContext {
  /** where the device's buffers live */
  readonly arena: Arena;
  /** the guest's memory; its table changes while the device runs */
  readonly memory: HostGuestMemory;
  /** shared memory region 0, where the transport has one */
  readonly window: SharedWindow | undefined;
  /** what the memory that is made for it counts in; the arena counts by itself */
  readonly budget?: MemoryBudget | undefined;
}
