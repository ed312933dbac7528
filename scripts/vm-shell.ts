// SPDX-License-Identifier: Apache-2.0
/**
 * A shell in a test guest with a camera and a decoder; the folder `out/vm` is /mnt in the guest. Ctrl-D ends it.
 *
 *   npm run vm [-- --kernel 6.12] [--userland i386] [--transport vfio-user] [--source FILE] [--memory 2048] [-- QEMU ARGUMENTS]
 */
import { spawn } from 'node:child_process';
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { DaemonProcess, DaemonProcessError, type DeviceInput } from '../packages/host/src/daemon/index.ts';
import { machineArguments } from '../test/vm/harness/index.ts';
import { cacheFolder, LabError, REPOSITORY, setupLab } from '../test/vm/lab/index.ts';
import { FIXTURES } from '../test/vm/suites/rig.ts';
import { oneOf, readFlags, VM_TRANSPORTS } from './vm-flags.ts';

const USAGE = `npm run vm [-- --kernel NAME] [--userland amd64|i386] [--transport vhost-user|vfio-user] [--source FILE]
           [--memory MIB] [-- QEMU ARGUMENTS]`;
const { values, positionals } = readFlags(USAGE, {
  allowPositionals: true,
  options: {
    kernel: { type: 'string', default: '6.1' },
    userland: { type: 'string' },
    transport: { type: 'string', default: 'vhost-user' },
    source: { type: 'string' },
    memory: { type: 'string', default: '1024' },
  },
});

const WELCOME = `modprobe paravideo-media
cat <<'END'

A guest with Paravideo's devices. /mnt is the folder out/vm of the host. For instance:

  v4l2-ctl --list-devices
  v4l2-ctl -d /dev/video0 --stream-mmap --stream-count=60
  v4l2-compliance -d /dev/video0 -s10
  ffmpeg -c:v h264_v4l2m2m -i /mnt/clip.h264 -fps_mode passthrough -f framemd5 -

END
`;

async function main(): Promise<number> {
  const transport = oneOf('transport', values.transport, VM_TRANSPORTS);
  const userland = values.userland === undefined ? undefined : oneOf('userland', values.userland, ['amd64', 'i386']);
  const progress = (part: string, step: string) => console.error(`${part}: ${step}`);
  const lab = await setupLab({
    cache: cacheFolder(),
    kernel: values.kernel,
    progress,
    ...(userland && { userland }),
  });
  const camera = { kind: 'camera', name: 'camera', transport, source: values.source === undefined ? 'pattern' : 'file' };
  const devices = [camera, { kind: 'decoder', name: 'decoder', transport }] as DeviceInput[];
  await using daemon = await DaemonProcess.start(devices, {
    ...(values.source !== undefined && { sources: { file: { file: resolve(values.source) } } }),
  });
  const share = join(REPOSITORY, 'out/vm');
  mkdirSync(share, { recursive: true });
  writeFileSync(join(share, 'start'), WELCOME);
  copyFileSync(join(FIXTURES, 'h264-b-frames.h264'), join(share, 'clip.h264'));
  const args = machineArguments({
    lab,
    share,
    devices: ['camera', 'decoder'].map((name) => ({ transport, socket: daemon.socket(name) })),
    memoryMiB: Number(values.memory),
    kernelWords: ['paravideo.shell'],
    console: 'terminal',
    reboot: false,
  });
  const qemu = spawn(lab.qemu.program, [...args, ...positionals], {
    stdio: 'inherit',
    env: { ...process.env, ...lab.qemu.env },
  });
  // Ctrl-C is the guest's
  process.on('SIGINT', () => {});
  // awaited here: the daemon goes when this function returns
  return await new Promise((resolve) => qemu.once('close', (code) => resolve(code ?? 1)));
}

try {
  process.exitCode = await main();
} catch (error) {
  if (!(error instanceof LabError) && !(error instanceof DaemonProcessError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
