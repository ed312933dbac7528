// SPDX-License-Identifier: Apache-2.0
/** Good devices made bad: changes to the V4L2 device itself, and to what goes through its rings. */
import { DeviceError } from '../device/framework/device-error.ts';
import type { IoctlCall, MediaDevice, MediaSession, SessionEvents } from '../device/framework/media-device.ts';
import type { Chain } from '../virtqueue/chain.ts';
import type { VirtQueue } from '../virtqueue/virt-queue.ts';

/** Changes to the bytes that go in and out of the protocol. */
export interface WireChange {
  /** a command as the protocol gets it, changed in place */
  readonly command?: (command: Uint8Array) => void;
  /** the writable part before it goes to the driver, changed in place; the result is the used length */
  readonly answer?: (command: Uint8Array, answer: Uint8Array, used: number) => number;
  /** used length of an event */
  readonly event?: (event: Uint8Array, used: number) => number;
  /** commands that get no answer */
  readonly lose?: (command: Uint8Array) => boolean;
  /** the answer is begun before the command is read */
  readonly writesFirst?: true;
  /** the ring is not looked at when it starts */
  readonly deafAtStart?: true;
  readonly config?: (config: Uint8Array) => Uint8Array;
}

/** Changes to the V4L2 device under the protocol. */
export interface DeviceChange {
  readonly ioctl?: (call: IoctlCall, session: MediaSession, events: SessionEvents) => number | Promise<number>;
  readonly events?: (events: SessionEvents) => Partial<SessionEvents>;
}

/** A ring whose chains are changed on their way in and out. */
export function tamper(queue: VirtQueue, kind: 'command' | 'event', wire: WireChange): VirtQueue {
  const commands = new WeakMap<Chain, { command: Uint8Array; written: Uint8Array; write: Chain['write'] }>();
  const pop = (): Chain | undefined => {
    const chain = queue.pop();
    if (chain === undefined) return undefined;
    if (wire.writesFirst) chain.write(0, new Uint8Array(8));
    const command = new Uint8Array(chain.readableLength);
    chain.read(0, command);
    wire.command?.(command);
    if (kind === 'command' && wire.lose?.(command)) return pop();
    const written = new Uint8Array(chain.writableLength).fill(0xa5);
    commands.set(chain, { command, written, write: chain.write.bind(chain) });
    chain.read = (offset, into) => {
      const part = command.subarray(offset, offset + into.length);
      into.set(part);
      return part.length;
    };
    chain.write = (offset, from) => {
      const part = from.subarray(0, Math.max(0, written.length - offset));
      written.set(part, offset);
      return part.length;
    };
    return chain;
  };
  const push = (chain: Chain, used: number): void => {
    const entry = commands.get(chain);
    if (entry === undefined) return;
    const { command, written, write } = entry;
    const final = (kind === 'command' ? wire.answer?.(command, written, used) : wire.event?.(written, used)) ?? used;
    write(0, written.subarray(0, final));
    queue.push(chain, final);
  };
  return {
    get running() {
      return queue.running;
    },
    get error() {
      return queue.error;
    },
    get waiting() {
      return queue.waiting;
    },
    pop,
    push,
    flush: () => queue.flush(),
    enableNotifications: () => queue.enableNotifications(),
    disableNotifications: () => queue.disableNotifications(),
  };
}

/** A device whose sessions are changed on their way in and out. */
export function tamperDevice(device: MediaDevice, change: DeviceChange, sessions: SessionEvents[]): MediaDevice {
  return {
    deviceCaps: device.deviceCaps,
    deviceType: device.deviceType,
    card: device.card,
    open: (events) => {
      const changed: SessionEvents = {
        dequeue: (buffer, planes) => events.dequeue(buffer, planes),
        buffersFreed: () => events.buffersFreed(),
        event: (event) => events.event(event),
        error: (errno) => events.error(errno),
        ...change.events?.(events),
      };
      const session = device.open(changed);
      if (typeof session === 'number') return session;
      if (session instanceof Promise) throw new DeviceError('devices of tests open at once');
      sessions.push(events);
      return {
        ioctl: (call) => (change.ioctl === undefined ? session.ioctl(call) : change.ioctl(call, session, events)),
        plane: (offset) => session.plane(offset),
        close: () => session.close(),
      };
    },
  };
}
