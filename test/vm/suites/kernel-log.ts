// SPDX-License-Identifier: Apache-2.0
/** What a guest's kernel says in its log: no warning passes but a short list. */
import type { Guest } from '../harness/index.ts';

/** A warning that is none of ours, and why it may be there. */
interface Harmless {
  readonly line: RegExp;
  readonly why: string;
}

const HARMLESS: readonly Harmless[] = [
  { line: /^\*\*.*\*\*$/, why: 'slub_debug shows addresses of the kernel, which it announces in a frame of asterisks' },
  { line: /: loading out-of-tree module taints kernel\.$/, why: 'the driver is built outside of the kernel' },
  { line: /: module verification failed: signature and\/or required key missing/, why: 'and nobody has signed it' },
  {
    line: /^ACPI: IRQ \d+ override to edge|^amd_pstate: the _CPC object is not present/,
    why: 'the firmware of the emulated machine, and what 6.12 misses in it',
  },
  {
    line: /^(tsc|TSC|APIC calibration|\.\.TIMER|Performance Events|hpet)\b/,
    why: 'clocks and counters of an emulated processor on a busy machine',
  },
  {
    line: /^hrtimer: interrupt took|^sched: RT throttling activated|^perf: interrupt took too long/,
    why: 'an emulated processor that its host lets wait',
  },
  {
    line: /^workqueue: (?!vmedia|paravideo)\S+( \[\w+\])? hogged CPU/,
    why: 'the same, said of whatever ran then; not of the driver',
  },
  {
    line: /^L1TF: Kernel not compiled for PAE|^mce: Unable to init MCE|^acpi resource window .* not CPU addressable/,
    why: '32-bit kernels on this machine',
  },
  {
    line: /^use of bytesused == 0 is deprecated|^use the actual size instead/,
    why: 'v4l2-ctl and GStreamer, of the output of vivid',
  },
];

/** What the driver says of a device that is dead, for tests in which one dies. */
export const DEVICE_LOST: readonly RegExp[] = [
  /virtio\d+: no answer in 10 s, the device is given up$/,
  /virtio\d+: the device (lost a (stream|session) \(-\d+\)|is dead(, it cannot be reset)?)$/,
];

/** Words that tell of something wrong, at whatever level they are said. */
const COMPLAINT =
  /\b(BUG|WARNING|Oops|KASAN|UBSAN|panic|hung task|stall|Call Trace|unreferenced object|corruption|single bit error|use-after-free)\b/;
const NO_COMPLAINT = /ommand line:|report a bug|not a bug/;

/** The kernel's own vivid sometimes waits for a time that is over, which the scheduler shows with a stack; so does nothing of ours. */
const VIVID_STACK =
  /<\d+>[^\n]*wrong timeout value(?:(?!wrong timeout value|paravideo)[\s\S])*?\[vivid\](?:(?!paravideo)[\s\S])*?<\/TASK>/g;

/** `<level>[seconds] words`, as `dmesg -r` prints it; the facility of the kernel itself is 0. */
const LINE = /^<(\d+)>\[ *\d+\.\d+\] (.*)$/;
const WARNING = 4;
const FACILITY = 8;

/**
 * Lines of a kernel's log, as `dmesg -r` prints it, that are warnings or worse, or tell of something wrong. `expected`: warnings that
 * the test itself brings about.
 */
export function complaintsIn(log: string, expected: readonly RegExp[] = []): readonly string[] {
  return log
    .replace(VIVID_STACK, '')
    .split('\n')
    .filter((line) => {
      const [, level, words = ''] = LINE.exec(line.trimEnd()) ?? [];
      if (level === undefined) return false;
      if (expected.some((pattern) => pattern.test(words)) || HARMLESS.some((it) => it.line.test(words))) return false;
      if (COMPLAINT.test(words) && !NO_COMPLAINT.test(words)) return true;
      return Number(level) < FACILITY && Number(level) <= WARNING;
    });
}

/** The same of a guest's kernel. Throws where its log is not to be had. */
export async function kernelComplaints(guest: Guest, expected: readonly RegExp[] = []): Promise<readonly string[]> {
  return complaintsIn(await guest.must('dmesg -r'), expected);
}
