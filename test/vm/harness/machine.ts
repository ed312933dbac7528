// SPDX-License-Identifier: Apache-2.0
import { dirname } from 'node:path';
import type { Lab } from '../lab/index.ts';
import { deviceArguments, type GuestDevice } from './devices.ts';

/** What the machine of a guest is made of. */
export interface MachineOptions {
  readonly lab: Lab;
  readonly devices: readonly GuestDevice[];
  /** folder that the guest sees as /mnt and may write to */
  readonly share: string;
  readonly memoryMiB: number;
  /** words for the kernel's command line */
  readonly kernelWords: readonly string[];
  /** where the console goes: a file, or this terminal */
  readonly console: { readonly file: string } | 'terminal';
  /** socket of the agent's port */
  readonly agent?: string;
  /** socket of QEMU's monitor (QMP) */
  readonly monitor?: string;
  /** whether devices can be exchanged while the guest runs */
  readonly pluggable?: boolean;
  /** whether the guest may restart; otherwise QEMU ends */
  readonly reboot: boolean;
  /** further arguments for QEMU */
  readonly more?: readonly string[];
}

/**
 * One emulated processor: under emulation a second one only slows a guest down, and where KVM exists it may be nested too badly to boot a
 * kernel. What can be switched off and slows down emulation is.
 */
const KERNEL_WORDS = [
  'console=ttyS0',
  'loglevel=4',
  'panic=-1',
  'oops=panic',
  'mitigations=off',
  'nokaslr',
  'tsc=reliable',
  'no_timer_check',
];

/** QEMU's arguments for a guest. Its memory is shared with the daemon. */
export function machineArguments(options: MachineOptions): readonly string[] {
  const { lab, memoryMiB } = options;
  const shared = (tag: string, path: string, writable: boolean) => [
    '-virtfs',
    `local,path=${path},mount_tag=${tag},security_model=none,multidevs=remap${writable ? '' : ',readonly=on'}`,
  ];
  const consoleArguments =
    options.console === 'terminal' ? ['-serial', 'mon:stdio'] : ['-serial', `file:${options.console.file}`];
  const agent =
    options.agent === undefined
      ? []
      : [
          ...['-chardev', `socket,id=agent,path=${options.agent}`, '-device', 'virtio-serial-pci'],
          ...['-device', 'virtserialport,chardev=agent,name=paravideo.agent'],
        ];
  const monitor = options.monitor === undefined ? [] : ['-qmp', `unix:${options.monitor},server=on,wait=off`];
  return [
    ...lab.qemu.args,
    ...['-accel', 'tcg', '-cpu', lab.kernel.choice.architecture === 'i386' ? 'qemu32' : 'qemu64', '-smp', '1'],
    ...['-object', `memory-backend-memfd,id=ram,size=${memoryMiB}M,share=on`],
    ...['-machine', 'q35,memory-backend=ram', '-m', `${memoryMiB}M`],
    ...['-nodefaults', '-display', 'none', '-no-user-config'],
    ...(options.reboot ? [] : ['-no-reboot']),
    ...['-kernel', lab.kernel.image, '-initrd', lab.initramfs],
    ...['-append', [...KERNEL_WORDS, ...options.kernelWords].join(' ')],
    ...consoleArguments,
    ...agent,
    ...monitor,
    ...shared('root', lab.root, false),
    ...shared('modules', dirname(`${lab.kernel.tree}/usr/lib/modules/${lab.kernel.release}`), false),
    ...shared('share', options.share, true),
    ...deviceArguments(options.devices, options.pluggable),
    ...(options.more ?? []),
  ];
}
