// SPDX-License-Identifier: Apache-2.0
import type { MediaDevice } from '../device/framework/media-device.ts';
import { type InProcessGuest, type InProcessOptions, InProcessTransport } from '../virtio-device/in-process-transport.ts';
import type { VirtioDevice } from '../virtio-device/virtio-device.ts';
import { VirtioMediaDevice } from '../virtio-media/virtio-media-device.ts';

/** The virtio-media device of a guest in this heap. */
export function mediaDevice(device: MediaDevice, guest: InProcessGuest): VirtioMediaDevice {
  return new VirtioMediaDevice({ device, memory: guest.memory, window: guest.window.length > 0 ? guest.window : undefined });
}

/**
 * A media device in this heap. No other guest waits there: turns are counted and not timed, so that a test with a clock of its own does
 * not depend on this machine.
 */
export function mediaTransport(
  o: InProcessOptions & { readonly device: (guest: InProcessGuest) => MediaDevice },
): InProcessTransport {
  return new InProcessTransport((guest) => mediaDevice(o.device(guest), guest), { now: () => 0, ...o });
}

/** The same device, but for what `changes` has in place of it. */
export function changedDevice(device: VirtioDevice, changes: Partial<VirtioDevice>): VirtioDevice {
  return new Proxy(device, {
    get: (target, name) => {
      const value: unknown = Reflect.get(name in changes ? changes : target, name, target);
      return typeof value === 'function' && !(name in changes) ? value.bind(target) : value;
    },
  });
}
