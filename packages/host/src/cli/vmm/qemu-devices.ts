// SPDX-License-Identifier: Apache-2.0
import { spawnSync } from 'node:child_process';
import { VmmError } from './vmm-error.ts';

/** How a QEMU can reach the daemon's devices. */
export type QemuTransport = 'vhost-user' | 'vfio-user';

/** QEMU's own name of the device for each transport, the better one first. */
const DEVICES: readonly (readonly [QemuTransport, string])[] = [
  ['vhost-user', 'vhost-user-media-pci'],
  ['vfio-user', 'vfio-user-pci'],
];

/** Names of the devices in the text of `-device help`. */
export function parseDeviceHelp(help: string): ReadonlySet<string> {
  return new Set([...help.matchAll(/^name "([^"]+)"/gm)].map((match) => match[1] ?? ''));
}

/** Asks a QEMU for the devices that it knows. Throws `VmmError` if it cannot be run. */
export function qemuDevices(program: string): ReadonlySet<string> {
  const { error, stdout, status } = spawnSync(program, ['-machine', 'none', '-device', 'help'], {
    encoding: 'utf8',
    timeout: 30_000,
    maxBuffer: 16 << 20,
  });
  if (error !== undefined || status !== 0) {
    const reason = (error as NodeJS.ErrnoException | undefined)?.code ?? `status ${status}`;
    throw new VmmError(`${program} cannot be run (${reason}): install QEMU, or name it with --qemu`);
  }
  return parseDeviceHelp(stdout);
}

/**
 * The transport to use with a QEMU that has `devices`: `wanted` if it has the device for that, otherwise the best that it has. Throws
 * `VmmError` if there is none.
 */
export function chooseTransport(devices: ReadonlySet<string>, wanted?: QemuTransport): QemuTransport {
  for (const [transport, device] of DEVICES) {
    if (devices.has(device) && (wanted === undefined || wanted === transport)) return transport;
  }
  const names = DEVICES.filter(([transport]) => wanted === undefined || wanted === transport).map(([, device]) => device);
  const [other] = DEVICES.find(([, device]) => devices.has(device)) ?? [];
  const remedy = other
    ? `it can use --transport ${other}`
    : 'QEMU 10.1 brought vfio-user-pci, and Debian 13 has 11.1 in trixie-backports';
  throw new VmmError(`this QEMU has no ${names.join(' and no ')}: ${remedy}`);
}
