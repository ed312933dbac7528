// SPDX-License-Identifier: Apache-2.0
import { spawn } from 'node:child_process';
import { type Command, Option } from 'commander';
import { DaemonProcess, type DeviceInput, TRANSPORTS } from '../daemon/index.ts';
import { CliError } from './cli-error.ts';
import { EXIT } from './exit-codes.ts';
import { type NamedSource, namedSource } from './named-source.ts';
import { chooseTransport, type QemuTransport, qemuArguments, qemuDevices, shellLine, VmmError } from './vmm/index.ts';

interface QemuFlags {
  readonly camera?: readonly (string | true)[] | true;
  readonly decoder?: true;
  readonly transport?: QemuTransport;
  readonly qemu: string;
}

const EXAMPLES = `
Examples:
  # a guest with a test pattern for a camera, and a decoder
  paravideo qemu -- -accel kvm -m 2G -drive file=disk.qcow2

  # only a camera, which shows a file
  paravideo qemu --camera clip.mp4 -- -m 2G disk.qcow2

QEMU has this terminal; when it ends, the devices go, and its exit code is that of the command.`;

const ARGS_EXAMPLES = `
Examples:
  # by hand: the daemon first, in the transport that this command names, then QEMU
  paravideo serve --transport vfio-user --camera /run/cam.sock &
  eval "qemu-system-x86_64 $(paravideo qemu-args /run/cam.sock -m 2G) disk.qcow2"`;

const transport = () =>
  new Option('--transport <name>', 'how QEMU reaches the devices (default: what this QEMU can do best)').choices(TRANSPORTS);

/** Adds `paravideo qemu`. */
export function addQemu(program: Command): void {
  program
    .command('qemu')
    .description('start QEMU with a camera and a decoder: your arguments after --, ours before them')
    .option(
      '--camera [source...]',
      'a camera that shows one of this machine (/dev/video0), a video file, or "pattern" (default: one with the pattern)',
    )
    .option('--decoder', 'a decoder (default: one, unless --camera is given)')
    .addOption(transport())
    .option('--qemu <program>', 'which QEMU', 'qemu-system-x86_64')
    .argument('[arguments...]', "QEMU's own arguments, after --")
    .addHelpText('after', EXAMPLES)
    .action(async (own: string[], flags: QemuFlags) => {
      process.exitCode = await runQemu(own, flags);
    });
}

/** Adds `paravideo qemu-args`. */
export function addQemuArgs(program: Command): void {
  program
    .command('qemu-args')
    .description('print the arguments with which QEMU reaches the sockets of "paravideo serve"')
    .argument('<socket...>', 'sockets of the devices, as given to serve')
    .addOption(transport())
    .option('--qemu <program>', 'which QEMU', 'qemu-system-x86_64')
    .option('-m <size>', 'memory of the guest, as for QEMU', '1G')
    .addHelpText('after', ARGS_EXAMPLES)
    .action((sockets: string[], flags: { transport?: QemuTransport; qemu: string; m: string }) => {
      const chosen = choose(flags.qemu, flags.transport);
      console.log(shellLine(['-m', flags.m, ...qemuArguments({ transport: chosen, sockets, own: ['-m', flags.m] })]));
      console.error(`# the daemon: paravideo serve --transport ${chosen} …, started before QEMU`);
    });
}

async function runQemu(own: readonly string[], flags: QemuFlags): Promise<number> {
  const transport = choose(flags.qemu, flags.transport);
  const cameras =
    flags.camera === undefined ? (flags.decoder ? [] : ['pattern']) : flags.camera === true ? ['pattern'] : flags.camera;
  const sources: Record<string, NamedSource> = {};
  const devices: DeviceInput[] = cameras.map((source, i) => {
    const shown = typeof source === 'string' ? namedSource(source) : undefined;
    if (shown !== undefined) sources[`shown${i}`] = shown;
    return {
      kind: 'camera',
      name: `camera${i}`,
      source: shown === undefined ? 'pattern' : `shown${i}`,
      transport,
    } as DeviceInput;
  });
  if (flags.decoder || flags.camera === undefined) devices.push({ kind: 'decoder', name: 'decoder', transport } as DeviceInput);
  await using daemon = await DaemonProcess.start(devices, { sources });
  const sockets = devices.map((device) => daemon.socket(device.name));
  const child = spawn(flags.qemu, [...qemuArguments({ transport, sockets, own }), ...own], { stdio: 'inherit' });
  // Ctrl-C is QEMU's, or the guest's; this process ends after it
  const ignore = () => {};
  process.on('SIGINT', ignore);
  const pass = () => child.kill('SIGTERM');
  process.on('SIGTERM', pass);
  try {
    return await new Promise<number>((resolve, reject) => {
      child.once('error', (error) => reject(new CliError(`${flags.qemu} cannot be run: ${error.message}`, EXIT.unavailable)));
      child.once('close', (code) => resolve(code ?? EXIT.failed));
    });
  } finally {
    process.off('SIGINT', ignore);
    process.off('SIGTERM', pass);
  }
}

function choose(qemu: string, wanted?: QemuTransport): QemuTransport {
  try {
    return chooseTransport(qemuDevices(qemu), wanted);
  } catch (error) {
    if (error instanceof VmmError) throw new CliError(error.message, EXIT.unavailable);
    throw error;
  }
}
