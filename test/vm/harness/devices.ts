// SPDX-License-Identifier: Apache-2.0
import { TEST_VIRTIO_ID } from '../lab/index.ts';

/** How a guest reaches a device of the daemon's. */
export type Transport = 'vhost-user' | 'vfio-user';

/** A device of a guest: the daemon's socket and what is spoken over it. */
export interface GuestDevice {
  readonly transport: Transport;
  readonly socket: string;
}

/** virtio-media: two queues of 256 entries, a configuration space of 40 bytes (VIRTIO 1.4, 5.22.4) */
const GENERIC = `virtio-id=${TEST_VIRTIO_ID},num_vqs=2,vq_size=256,config_size=40`;

/** QEMU's arguments for devices, in the order in which the guest shall find them. */
export function deviceArguments(devices: readonly GuestDevice[]): readonly string[] {
  return devices.flatMap(({ transport, socket }, i) => {
    if (transport === 'vhost-user') {
      const device = `vhost-user-test-device-pci,chardev=media${i},${GENERIC}`;
      return ['-chardev', `socket,id=media${i},path=${socket}`, '-device', device];
    }
    const device = { driver: 'vfio-user-pci', 'x-msg-timeout': 60_000, socket: { type: 'unix', path: socket } };
    return ['-device', JSON.stringify(device)];
  });
}
