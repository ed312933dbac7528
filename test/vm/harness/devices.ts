// SPDX-License-Identifier: Apache-2.0
import { TEST_VIRTIO_ID } from '../lab/index.ts';
import type { MonitorCommand } from './monitor.ts';

/** How a guest reaches a device of the daemon's. */
export type Transport = 'vhost-user' | 'vfio-user';

/** A device of a guest: the daemon's socket and what is spoken over it. */
export interface GuestDevice {
  readonly transport: Transport;
  readonly socket: string;
}

/** virtio-media: two queues of 256 entries, a configuration space of 40 bytes (VIRTIO 1.4, 5.22.4) */
const GENERIC = {
  driver: 'vhost-user-test-device-pci',
  'virtio-id': TEST_VIRTIO_ID,
  num_vqs: 2,
  vq_size: 256,
  config_size: 40,
} as const;

/**
 * QEMU's arguments for devices, in the order in which the guest shall find them. With `pluggable` each vhost-user device is behind a port
 * of its own, where `replugCommands` can put another in its place.
 */
export function deviceArguments(devices: readonly GuestDevice[], pluggable = false): readonly string[] {
  return devices.flatMap(({ transport, socket }, i) => {
    if (transport === 'vhost-user') {
      const chardev = ['-chardev', `socket,id=media${i},path=${socket}`];
      if (!pluggable) return [...chardev, '-device', JSON.stringify({ ...GENERIC, chardev: `media${i}` })];
      const port = `pcie-root-port,id=port${i},chassis=${i + 1}`;
      return [...chardev, '-device', port, '-device', JSON.stringify(pluggableDevice(i))];
    }
    const device = { driver: 'vfio-user-pci', 'x-msg-timeout': 60_000, socket: { type: 'unix', path: socket } };
    return ['-device', JSON.stringify(device)];
  });
}

/** What QEMU is told to unplug a pluggable device, and then, once the guest has let go of it, to plug in one at `socket` instead. */
export function replugCommands(i: number, socket: string): { unplug: MonitorCommand; plug: readonly MonitorCommand[] } {
  const backend = { type: 'socket', data: { addr: { type: 'unix', data: { path: socket } }, server: false } };
  return {
    unplug: { execute: 'device_del', arguments: { id: `device${i}` } },
    plug: [
      { execute: 'chardev-remove', arguments: { id: `media${i}` } },
      { execute: 'chardev-add', arguments: { id: `media${i}`, backend } },
      { execute: 'device_add', arguments: pluggableDevice(i) },
    ],
  };
}

const pluggableDevice = (i: number) => ({ ...GENERIC, chardev: `media${i}`, bus: `port${i}`, id: `device${i}` });
