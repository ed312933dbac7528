// SPDX-License-Identifier: Apache-2.0
import type { DriverTransport } from '@paravideo/core';
import { connectFrontend } from './frontend.ts';
import { connectVfioFrontend } from './vfio-frontend.ts';

/** What a device's socket speaks. */
export type SocketTransport = 'vhost-user' | 'vfio-user';

/** Connects to a device as a virtual machine would, over either transport; throws as `connectFrontend` and `connectVfioFrontend` do. */
export function connectGuest(path: string, transport: SocketTransport = 'vhost-user'): Promise<DriverTransport> {
  return transport === 'vfio-user' ? connectVfioFrontend(path) : connectFrontend(path);
}
