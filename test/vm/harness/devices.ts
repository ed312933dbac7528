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

/** Where on the first bus the port of a pluggable device `i` is: the guest finds its device behind it. */
const portSlot = (i: number) => (0x10 + i).toString(16);

/** Room for what the guest maps of a device that was not there when its firmware shared out addresses. */
const PORT_ROOM = 'pref64-reserve=256M,mem-reserve=2M';

/**
 * QEMU's arguments for devices, in the order in which the guest shall find them. With `pluggable` each is behind a port of its own, where
 * `plugCommands` can put another in its place.
 */
export function deviceArguments(devices: readonly GuestDevice[], pluggable = false): readonly string[] {
  return devices.flatMap((device, i) => {
    const chardev = device.transport === 'vhost-user' ? ['-chardev', `socket,id=${chardevId(i)},path=${device.socket}`] : [];
    const port = ['-device', `pcie-root-port,id=port${i},chassis=${i + 1},addr=0x${portSlot(i)},${PORT_ROOM}`];
    const place = pluggable ? { bus: `port${i}`, id: deviceId(i) } : {};
    return [...chardev, ...(pluggable ? port : []), '-device', JSON.stringify({ ...properties(device, i), ...place })];
  });
}

/** What QEMU is told to plug in a device as number `i` of a guest that was started `pluggable`. */
export function plugCommands(i: number, device: GuestDevice): readonly MonitorCommand[] {
  const plug = { execute: 'device_add', arguments: { ...properties(device, i), bus: `port${i}`, id: deviceId(i) } };
  if (device.transport === 'vfio-user') return [plug];
  const backend = { type: 'socket', data: { addr: { type: 'unix', data: { path: device.socket } }, server: false } };
  return [{ execute: 'chardev-add', arguments: { id: chardevId(i), backend } }, plug];
}

/** What QEMU is told to have the guest let go of device `i`; the event `DEVICE_DELETED` of that id says that it has. */
export const unplugCommand = (i: number): MonitorCommand => ({ execute: 'device_del', arguments: { id: deviceId(i) } });

/** What QEMU is told to let go of the connection that an unplugged vhost-user device `i` had. */
export const disconnectCommand = (i: number): MonitorCommand => ({ execute: 'chardev-remove', arguments: { id: chardevId(i) } });

/** QEMU's name of a pluggable device. */
export const deviceId = (i: number) => `device${i}`;

/** A pattern of the shell for the folder that the guest's kernel has for device `i` as long as it is there. */
export const guestFolder = (i: number) => `/sys/devices/pci0000:00/0000:00:${portSlot(i)}.0/0000:*:00.0`;

const chardevId = (i: number) => `media${i}`;

function properties({ transport, socket }: GuestDevice, i: number): Readonly<Record<string, unknown>> {
  if (transport === 'vhost-user') return { ...GENERIC, chardev: chardevId(i) };
  return { driver: 'vfio-user-pci', 'x-msg-timeout': 60_000, socket: { type: 'unix', path: socket } };
}
