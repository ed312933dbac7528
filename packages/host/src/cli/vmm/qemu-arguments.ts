// SPDX-License-Identifier: Apache-2.0
import type { QemuTransport } from './qemu-devices.ts';

/** Memory of a guest whose arguments do not say: QEMU's own default of 128 MiB starts no desktop. */
const DEFAULT_MEMORY = '1G';
const BACKEND = 'paravideo-ram';

/** What to put before a user's own arguments for QEMU. */
export interface QemuArgumentOptions {
  readonly transport: QemuTransport;
  /** sockets of the devices, in the order in which the guest shall find them */
  readonly sockets: readonly string[];
  /** the user's arguments; they say how much memory the guest has */
  readonly own: readonly string[];
}

/**
 * The arguments that give a guest the devices: memory that the daemon can map, and a device for each socket. Memory is left alone where
 * the user's arguments name a back-end of their own, which must then be `share=on`.
 */
export function qemuArguments({ transport, sockets, own }: QemuArgumentOptions): readonly string[] {
  const devices = sockets.flatMap((path, i) => deviceArguments(transport, path, `paravideo${i}`));
  return [...memoryArguments(own), ...devices];
}

function memoryArguments(own: readonly string[]): readonly string[] {
  if (own.some((argument) => /(^|,)memory-backend=/.test(argument))) return [];
  const size = memorySize(own);
  return [
    ...(size === undefined ? ['-m', DEFAULT_MEMORY] : []),
    ...['-object', `memory-backend-memfd,id=${BACKEND},size=${size ?? DEFAULT_MEMORY},share=on`],
    ...['-machine', `memory-backend=${BACKEND}`],
  ];
}

/** The size in the last `-m` of some arguments, with its unit: a bare number is in MiB there, in bytes everywhere else. */
function memorySize(own: readonly string[]): string | undefined {
  const at = own.lastIndexOf('-m');
  const value = at === -1 ? undefined : own[at + 1];
  const size = value?.split(',').flatMap((part) => /^(?:size=)?(\d+(?:\.\d+)?[kKmMgGtT]?)$/.exec(part)?.[1] ?? [])[0];
  return size !== undefined && /\d$/.test(size) ? `${size}M` : size;
}

function deviceArguments(transport: QemuTransport, path: string, id: string): readonly string[] {
  if (transport === 'vhost-user') {
    const chardev = `socket,id=${id}-socket,path=${path.replaceAll(',', ',,')}`;
    return ['-chardev', chardev, '-device', `vhost-user-media-pci,id=${id},chardev=${id}-socket`];
  }
  const device = { driver: 'vfio-user-pci', id, 'x-msg-timeout': 60_000, socket: { type: 'unix', path } };
  return ['-device', JSON.stringify(device)];
}

/** Arguments as one line that a shell takes apart again. */
export function shellLine(args: readonly string[]): string {
  return args.map((arg) => (/^[\w@%+=:,./-]+$/.test(arg) ? arg : `'${arg.replaceAll("'", `'\\''`)}'`)).join(' ');
}
