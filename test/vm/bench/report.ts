// SPDX-License-Identifier: Apache-2.0
import { renderTable } from '../../../packages/host/src/cli/table.ts';
import type { Transport } from '../harness/index.ts';
import type { VmCameraReport } from './camera-bench.ts';
import type { CommandReport } from './command-bench.ts';
import type { DecodeReport } from './decode-bench.ts';

/** Everything that was measured in one boot. */
export interface GuestReport {
  readonly transport: Transport;
  /** whether a device on vfio-user has shared memory region 0 */
  readonly shared: boolean;
  readonly kernel: string;
  readonly acceleration: string;
  /** `load`: before and after */
  readonly machine: { readonly processors: number; readonly load: readonly number[] };
  readonly bootMillis: number;
  readonly commands: CommandReport;
  readonly cameras: readonly VmCameraReport[];
  readonly decoders: readonly DecodeReport[];
}

const micros = (value: number) => `${value.toFixed(1)} µs`;
const millis = (value: number) => `${value.toFixed(2)} ms`;
const times = (value: number, baseline: number) => `${(value / baseline).toFixed(2)} x`;

/** One table. */
export function renderReport(report: GuestReport): string {
  const { transport, shared, kernel, acceleration, machine } = report;
  const rows = [...commandRows(report.commands), ...report.cameras.flatMap(cameraRows), ...report.decoders.map(decoderRow)];
  const load = machine.load.map((value) => value.toFixed(1)).join(' before, ');
  const head = [
    `devices over ${transport}${shared ? '' : ', without shared memory'}; Linux ${kernel}, one processor; acceleration: ${acceleration}`,
    `this machine: ${machine.processors} processors, load ${load} after`,
  ];
  return `${head.join('\n')}\n\n${renderTable(['in the guest', 'ours', 'baseline', 'which is', 'ratio'], rows)}`;
}

function commandRows({ command, empty, inside, call, clock }: CommandReport): string[][] {
  const rows = (['p50', 'p99'] as const).flatMap((rank) => [
    [`VIDIOC_G_FMT, ${rank}`, micros(command[rank]), micros(empty[rank]), 'a device that does nothing, same transport'],
    ['', micros(command[rank]), micros(inside[rank]), 'virtio-rng inside QEMU'],
    ['', micros(command[rank]), micros(call[rank]), 'vivid: the call without a device'],
  ]);
  const clockRow = ['reading the clock, in each of them', micros(clock.p50), '', '', ''];
  return [...rows.map((row) => [...row, times(Number.parseFloat(row[1] ?? ''), Number.parseFloat(row[2] ?? ''))]), clockRow];
}

function cameraRows({ width, height, fps, camera, vivid }: VmCameraReport): string[][] {
  const what = `camera ${width}x${height} YUYV at ${fps}`;
  const rate = (value: number) => `${value.toFixed(1)} fps`;
  return [
    [what, rate(camera.fps), rate(vivid.fps), 'vivid', times(camera.fps, vivid.fps)],
    ['  of the rate that was asked for', ...[camera, vivid].map((run) => `${((100 * run.fps) / fps).toFixed(0)} %`), 'vivid', ''],
    ['  frames lost', ...[camera, vivid].map((run) => `${run.lost} of ${run.frames + run.lost}`), 'vivid', ''],
    ['  between frames, p99', millis(camera.p99), millis(vivid.p99), 'vivid', times(camera.p99, vivid.p99)],
    [
      '  guest processor, per frame',
      millis(camera.guestMillis),
      millis(vivid.guestMillis),
      'vivid',
      times(camera.guestMillis, vivid.guestMillis),
    ],
    [
      '  this machine, per frame',
      millis(camera.qemuMillis + camera.daemonMillis),
      millis(vivid.qemuMillis + vivid.daemonMillis),
      'vivid',
      times(camera.qemuMillis + camera.daemonMillis, vivid.qemuMillis + vivid.daemonMillis),
    ],
  ];
}

function decoderRow({ width, height, device, software }: DecodeReport): string[] {
  const rate = (value: number) => `${value.toFixed(1)} fps`;
  return [
    `H.264 ${width}x${height}, ffmpeg h264_v4l2m2m`,
    rate(device),
    rate(software),
    'ffmpeg h264, in the guest, one thread',
    times(device, software),
  ];
}
