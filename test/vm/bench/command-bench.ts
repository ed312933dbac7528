// SPDX-License-Identifier: Apache-2.0
/** Round trips of commands, beside what a round trip costs when the device does nothing, and what the call costs without one. */
import { percentile } from '../../../packages/host/src/cli/demo/index.ts';
import type { Guest } from '../harness/index.ts';
import { VmBenchError } from './bench-error.ts';
import type { EmptySocket } from './empty-device.ts';
import type { Probe } from './probe.ts';

/** Microseconds of some calls, one after the other. */
export interface CallTimes {
  readonly samples: number;
  readonly p50: number;
  readonly p99: number;
}

/** All of them. */
export interface CommandReport {
  /** VIDIOC_G_FMT of our camera: one command to the device */
  readonly command: CallTimes;
  /** a read of random numbers from a device like ours that does nothing: the same socket, ring and process kind */
  readonly empty: CallTimes;
  /** a read of random numbers from a device inside QEMU */
  readonly inside: CallTimes;
  /** VIDIOC_G_FMT of vivid, which has no device */
  readonly call: CallTimes;
  /** reading the clock, which is in each of the others */
  readonly clock: CallTimes;
}

const SAMPLES = 20_000;
const WARM_UP = 2000;

/** Names of the sources of random numbers in the guest: QEMU's own is plugged in first. */
const INSIDE = 'virtio_rng.0';
const EMPTY = 'virtio_rng.1';

/** Measures them, in two halves each, so that a machine that changes its pace changes it for all. */
export async function benchCommands(
  o: { probe: Probe; guest: Guest; empty: EmptySocket },
  nodes: { camera: string; vivid: string },
): Promise<CommandReport> {
  const { probe, guest, empty } = o;
  const random = async (name: string, count: number) => {
    await guest.must(`echo ${name} > /sys/class/misc/hw_random/rng_current`);
    const before = empty.answered;
    const times = await probe.calls('read /dev/hwrng', count);
    const served = empty.answered - before >= count;
    if (served !== (name === EMPTY)) throw new VmBenchError(`${name} is not the device that it was taken for`);
    return times;
  };
  const calls = {
    command: (count: number) => probe.calls(`format ${nodes.camera}`, count),
    empty: (count: number) => random(EMPTY, count),
    inside: (count: number) => random(INSIDE, count),
    call: (count: number) => probe.calls(`format ${nodes.vivid}`, count),
    clock: (count: number) => probe.calls('clock', count),
  };
  const names = Object.keys(calls) as (keyof typeof calls)[];
  const times = new Map(names.map((name) => [name, [] as number[]]));
  for (const name of names) await calls[name](WARM_UP);
  for (let half = 0; half < 2; half++) {
    for (const name of names) times.get(name)?.push(...(await calls[name](SAMPLES / 2)));
  }
  const report = (name: keyof typeof calls): CallTimes => {
    const all = times.get(name) ?? [];
    return { samples: all.length, p50: percentile(all, 0.5), p99: percentile(all, 0.99) };
  };
  return {
    command: report('command'),
    empty: report('empty'),
    inside: report('inside'),
    call: report('call'),
    clock: report('clock'),
  };
}
