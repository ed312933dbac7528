// SPDX-License-Identifier: Apache-2.0
import type { GuestMemory } from '../memory/guest-memory.ts';
import { NO_RING_FEATURES } from './ring-layout.ts';
import { DeviceQueue } from './split/device-queue.ts';
import type { TransportQueue } from './virt-queue.ts';

/** A queue over a guest's memory, stopped, without features: what a transport makes for each queue of the device that it carries. */
export function makeQueue(memory: GuestMemory): TransportQueue {
  return new DeviceQueue(memory, NO_RING_FEATURES);
}
