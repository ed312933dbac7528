// SPDX-License-Identifier: Apache-2.0
/**
 * A program that answers as `cam` does for one camera, `/base/front`, whose rows are padded to 64 bytes. Frame n has the byte n in all
 * its pixels and 255 in its padding.
 *
 * FAKE_CAM in the environment: `gone` is no camera, `hangs` does not even say that, `mute` brings no frame, `short` ends after five frames, `lies` tells of frames that
 * are no pictures. The file FAKE_CAM_PID gets the number of the process that captures, or
 * hangs.
 */
import { writeFileSync, writeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

const story = process.env.FAKE_CAM ?? '';
const args = process.argv.slice(2);
const after = (flag: string): string => args[args.indexOf(flag) + 1] ?? '';

function writeAll(fd: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at);
}

function tellPid(): void {
  if (process.env.FAKE_CAM_PID !== undefined) writeFileSync(process.env.FAKE_CAM_PID, `${process.pid}\n`);
}

async function capture(): Promise<void> {
  const [, width = 0, height = 0] = (/width=(\d+),height=(\d+)/.exec(after('-s')) ?? []).map(Number);
  const fd = Number(/^--file=\/dev\/fd\/(\d+)$/.exec(args.at(-1) ?? '')?.[1]);
  const stride = Math.ceil(width / 64) * 64;
  console.log(`Using camera ${after('-c')} as cam0\ncam0: Capture until user interrupts by SIGINT`);
  tellPid();
  if (story === 'mute') await sleep(3_600_000);
  for (let n = 0; story !== 'short' || n < 5; n++) {
    const plane = (rows: number): Uint8Array => {
      const bytes = new Uint8Array(stride * rows).fill(n % 200);
      for (let row = 0; row < rows; row++) bytes.fill(255, row * stride + width, (row + 1) * stride);
      return bytes;
    };
    const planes = [plane(height), plane(height / 2)];
    for (const bytes of planes) writeAll(fd, bytes);
    const now = Number(process.hrtime.bigint() / 1000n);
    const time = `${Math.floor(now / 1e6)}.${String(now % 1e6).padStart(6, '0')}`;
    const lengths = planes.map(({ length }) => (story === 'lies' ? length + 1 : length)).join('/');
    console.log(`${time} (30.00 fps) cam0-stream0 seq: ${String(2 * n).padStart(6, '0')} bytesused: ${lengths}`);
    await sleep(5);
  }
  console.error('\u001b[31mERROR\u001b[0m Camera is out of film');
  console.error('Failed to go on');
  process.exitCode = 1;
}

if (story === 'hangs') {
  tellPid();
  await sleep(3_600_000);
} else if (args.includes('-l'))
  console.log(`Available cameras:${story === 'gone' ? '' : '\n1: Internal front camera (/base/front)'}`);
else if (args.includes('-I')) {
  console.log(`Using camera ${after('-c')} as cam0
0: 1920x1080-NV12
 * Pixelformat: NV12 (32x32)-(1920x1080)/(+2,+2)
  - 1920x1080
  - 160x120
  - 100x80
 * Pixelformat: SRGGB10_CSI2P (32x32)-(1920x1080)/(+2,+2)
  - 1920x1080
Property: Rotation = 180
Property: Location = CameraFront
Property: Model = imx219`);
} else await capture();
