// SPDX-License-Identifier: Apache-2.0
/** What the tests in a guest share: a daemon, a guest that its devices are plugged into, and where the devices appeared. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { DaemonProcess, type DaemonSettings, type DeviceInput } from '../../../packages/host/src/daemon/index.ts';
import { awaitScript, Guest, type GuestOptions, type Transport } from '../harness/index.ts';
import { buildProgram, cacheFolder, type Lab, REPOSITORY, type SetupOptions, setupLab } from '../lab/index.ts';

export const FIXTURES = join(REPOSITORY, 'packages/host/fixtures');

/** Real streams, on machines that have them: `PARAVIDEO_VECTORS`, or a folder beside the repository. */
export function vectorsFolder(): string | undefined {
  const folder = process.env.PARAVIDEO_VECTORS ?? join(REPOSITORY, '../shared/vectors');
  return existsSync(folder) ? folder : undefined;
}

/** The laboratory, set up if it is not; the progress is shown, as a first time takes a minute or two. */
export function lab(options: { kernel?: string; userland?: NonNullable<SetupOptions['userland']> } = {}): Promise<Lab> {
  const progress = (part: string, step: string) => process.stderr.write(`vm:setup ${part}: ${step}\n`);
  return setupLab({ cache: cacheFolder(), progress, ...options });
}

/** Transports to test, all unless `PARAVIDEO_VM_TRANSPORT` names one. */
export const TRANSPORTS: readonly Transport[] =
  process.env.PARAVIDEO_VM_TRANSPORT === undefined
    ? ['vhost-user', 'vfio-user']
    : [process.env.PARAVIDEO_VM_TRANSPORT === 'vfio-user' ? 'vfio-user' : 'vhost-user'];

/** A daemon and a guest with its devices. */
export interface VmRig extends AsyncDisposable {
  readonly daemon: DaemonProcess;
  readonly guest: Guest;
  /** `/dev/videoN` of each device, by its name in the daemon */
  readonly nodes: Readonly<Record<string, string>>;
}

/**
 * Starts a daemon with `devices`, boots a guest with them and loads the driver. Devices are told apart by the name that they show
 * (`card`), which is set to their name.
 */
export async function startRig(
  devices: readonly DeviceInput[],
  transport: Transport,
  options: Omit<GuestOptions, 'devices' | 'lab'> & {
    lab?: Lab;
    sources?: NonNullable<DaemonSettings['sources']>;
    shared?: boolean;
  } = {},
): Promise<VmRig> {
  const named = devices.map((device) => ({ ...device, card: device.name, transport }) as DeviceInput);
  const daemon = await DaemonProcess.start(named, {
    ...(options.sources && { sources: options.sources }),
    'vfio-shared-memory': options.shared ?? true,
  });
  try {
    const sockets = devices.map((device) => ({ transport, socket: daemon.socket(device.name) }));
    const guest = await Guest.start({ ...options, lab: options.lab ?? (await lab()), devices: sockets });
    try {
      const nodes = await loadDriver(guest, devices);
      return {
        daemon,
        guest,
        nodes,
        async [Symbol.asyncDispose]() {
          await guest[Symbol.asyncDispose]();
          await daemon[Symbol.asyncDispose]();
        },
      };
    } catch (error) {
      guest.keep();
      await guest[Symbol.asyncDispose]();
      throw error;
    }
  } catch (error) {
    await daemon[Symbol.asyncDispose]();
    throw error;
  }
}

/** Loads the driver, waits until it has a node for each device and finds them by the names that they show. */
export async function loadDriver(guest: Guest, devices: readonly { readonly name: string }[]): Promise<Record<string, string>> {
  const names = '/sys/class/video4linux/*/name';
  const all = devices.map(({ name }) => `grep -qx ${name} ${names}`).join(' && ');
  const list = await guest.must(
    `modprobe paravideo-media && { ${awaitScript(`{ ${all}; } || { head ${names}; false; }`)}; } && ` +
      `for n in ${names}; do echo "/dev/$(basename $(dirname $n))=$(cat $n)"; done`,
  );
  return Object.fromEntries(
    list
      .trim()
      .split('\n')
      .map((line) => line.split('=').reverse() as [string, string]),
  );
}

/** Builds a program of `test/vm/guest` and puts it into the share of a guest that runs Linux 6.1, as `/mnt/NAME`. */
export async function putProgram(guest: Guest, name: string): Promise<void> {
  await buildProgram((await lab()).kernel, join(REPOSITORY, `test/vm/guest/${name}.c`), join(guest.share, name));
}

/** What `film until` of `test/vm/guest` says when its stream ended, as it should, because the device was lost or has slept. */
export const HEARD_OF_LOSS = /^[1-9]\d* frames, then D?QBUF: errno (5|19)$/m;
