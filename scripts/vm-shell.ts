// SPDX-License-Identifier: Apache-2.0
/**
 * A shell in a test guest with a camera and a decoder; the folder `out/vm` is /mnt in the guest. Ctrl-D ends it.
 *
 *   npm run vm [-- --kernel 6.12] [--userland i386] [--transport vfio-user] [--source FILE] [--memory 2048] [-- QEMU ARGUMENTS]
 */
import { spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { DaemonProcess, DaemonProcessError, type DeviceInput } from '../packages/host/src/daemon/index.ts';
import { machineArguments, type Transport } from '../test/vm/harness/index.ts';
import { cacheFolder, LabError, REPOSITORY, setupLab } from '../test/vm/lab/index.ts';

const { values, positionals } = parseArgs({
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
  ffmpeg -c:v h264_v4l2m2m -i /mnt/clip.h264 -f framemd5 -

END
`;

async function main(): Promise<number> {
  const { userland } = values;
  const progress = (part: string, step: string) => console.error(`${part}: ${step}`);
  const lab = await setupLab({
    cache: cacheFolder(),
    kernel: values.kernel,
    progress,
    ...((userland === 'i386' || userland === 'amd64') && { userland }),
  });
  const transport: Transport = values.transport === 'vfio-user' ? 'vfio-user' : 'vhost-user';
  const camera = { kind: 'camera', name: 'camera', transport, source: values.source === undefined ? 'pattern' : 'file' };
  const devices = [camera, { kind: 'decoder', name: 'decoder', transport }] as DeviceInput[];
  await using daemon = await DaemonProcess.start(devices, {
    ...(values.source !== undefined && { sources: { file: { file: resolve(values.source) } } }),
  });
  const share = join(REPOSITORY, 'out/vm');
  mkdirSync(share, { recursive: true });
  writeFileSync(join(share, 'start'), WELCOME);
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
  return new Promise((resolve) => qemu.once('close', (code) => resolve(code ?? 1)));
}

try {
  process.exitCode = await main();
} catch (error) {
  if (!(error instanceof LabError) && !(error instanceof DaemonProcessError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
