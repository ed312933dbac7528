// SPDX-License-Identifier: Apache-2.0
/** Frames of a camera in a guest, of ours and of vivid, the kernel's own camera without hardware. */

import { percentile } from '../../../packages/host/src/cli/demo/index.ts';
import type { DaemonProcess } from '../../../packages/host/src/daemon/index.ts';
import type { Guest } from '../harness/index.ts';
import type { Probe } from './probe.ts';
import { processorTime } from './processor-time.ts';

/** A size and how often a second it is asked for. */
export interface CameraMode {
  readonly width: number;
  readonly height: number;
  readonly fps: number;
}

/** What a program in the guest got of one camera. */
export interface CameraRun {
  readonly frames: number;
  readonly fps: number;
  readonly megabytesPerSecond: number;
  /** frames missing in the sequence numbers; a camera that gives one number twice has not lost a frame for that */
  readonly lost: number;
  /** milliseconds between frames: the longest one in a hundred */
  readonly p99: number;
  /** milliseconds of the guest's processor per frame */
  readonly guestMillis: number;
  /** milliseconds of this machine's processors per frame: QEMU, guest included, and the daemon */
  readonly qemuMillis: number;
  readonly daemonMillis: number;
}

/** One mode on both cameras. */
export interface VmCameraReport extends CameraMode {
  readonly camera: CameraRun;
  readonly vivid: CameraRun;
}

const SECONDS = 8;
const BUFFERS = 8;
/** both cameras have it, and neither has to convert anything for it */
const FOURCC = 'YUYV';
/** vivid's input that takes any timing */
const HDMI = 3;

/** Films both cameras in one mode, one after the other. */
export async function benchCamera(
  o: { probe: Probe; guest: Guest; daemon: DaemonProcess },
  nodes: { camera: string; vivid: string },
  mode: CameraMode,
): Promise<VmCameraReport> {
  const { width, height, fps } = mode;
  const format = `--set-fmt-video=width=${width},height=${height},pixelformat=${FOURCC}`;
  const timing = `cvt,width=${width},height=${height},fps=${fps}`;
  await o.guest.must(
    `v4l2-ctl -d ${nodes.camera} ${format} --set-parm=${fps}
     v4l2-ctl -d ${nodes.vivid} --set-input=${HDMI} && v4l2-ctl -d ${nodes.vivid} --set-dv-bt-timings ${timing} &&
     v4l2-ctl -d ${nodes.vivid} ${format} && v4l2-ctl -d ${nodes.vivid} --get-fmt-video | grep -q ${width}/${height}`,
  );
  return { ...mode, camera: await film(o, nodes.camera, fps), vivid: await film(o, nodes.vivid, fps) };
}

async function film(o: { probe: Probe; guest: Guest; daemon: DaemonProcess }, node: string, fps: number): Promise<CameraRun> {
  const before = [processorTime(o.guest.pid), processorTime(o.daemon.pid)] as const;
  const { frames, busy } = await o.probe.stream(node, BUFFERS, SECONDS * fps);
  const after = [processorTime(o.guest.pid), processorTime(o.daemon.pid)] as const;
  const [first, last] = [frames[0], frames.at(-1)];
  if (first === undefined || last === undefined) throw new RangeError('no frames');
  const seconds = (last.at - first.at) / 1000;
  const rate = (frames.length - 1) / seconds;
  const missing = frames.slice(1).map((frame, i) => Math.max(0, frame.sequence - (frames[i]?.sequence ?? frame.sequence) - 1));
  const gaps = frames.slice(1).map((frame, i) => frame.at - (frames[i]?.at ?? frame.at));
  return {
    frames: frames.length,
    fps: rate,
    megabytesPerSecond: (rate * first.bytes) / 1e6,
    lost: missing.reduce((sum, count) => sum + count, 0),
    p99: percentile(gaps, 0.99),
    guestMillis: (busy * 1000) / frames.length,
    qemuMillis: ((after[0] - before[0]) * 1000) / frames.length,
    daemonMillis: ((after[1] - before[1]) * 1000) / frames.length,
  };
}
