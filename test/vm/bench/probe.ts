// SPDX-License-Identifier: Apache-2.0
/** The measuring program of the guest (`guest/probe.c`): built, put into a guest, run there, its numbers read back. */
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Guest } from '../harness/index.ts';
import { inTree } from '../lab/chroot.ts';
import { type Kernel, type Lab, LabError } from '../lab/index.ts';

const SOURCES = fileURLToPath(new URL('guest', import.meta.url));
/** in the kernel's tree */
const FOLDER = '/usr/src/paravideo-probe';
/** of /proc/uptime: seconds since the start, and those of them that the processor was idle */
const UPTIME_BYTES = 64;
/** in the guest */
const PROGRAM = '/tmp/probe';

/** A frame as a program of the guest got it. */
export interface ProbedFrame {
  readonly sequence: number;
  readonly bytes: number;
  /** milliseconds, by the guest's clock */
  readonly at: number;
}

/** What a stream was like in the guest. */
export interface ProbedStream {
  readonly frames: readonly ProbedFrame[];
  /** seconds in which the guest's processor was not idle, from the first frame to the last */
  readonly busy: number;
}

/** The measuring program in a guest. */
export class Probe {
  readonly #guest: Guest;

  private constructor(guest: Guest) {
    this.#guest = guest;
  }

  /** Builds the program with the compiler of the kernel's tree, and puts it into a guest. */
  static async install(lab: Lab, guest: Guest): Promise<Probe> {
    cpSync(await buildProbe(lab.kernel), join(guest.share, 'probe'));
    await guest.must(`cp /mnt/probe ${PROGRAM} && chmod 755 ${PROGRAM}`);
    return new Probe(guest);
  }

  /** Microseconds of each of some calls, in their order: `probe.c` knows which there are. */
  async calls(words: string, count: number): Promise<readonly number[]> {
    await this.#guest.must(`${PROGRAM} ${words} ${count} > /tmp/samples && cp /tmp/samples /mnt/samples`);
    const bytes = readFileSync(join(this.#guest.share, 'samples'));
    return Array.from({ length: bytes.length / 4 }, (_, i) => bytes.readUInt32LE(4 * i) / 1000);
  }

  /** Films a camera as it is configured. */
  async stream(node: string, buffers: number, count: number): Promise<ProbedStream> {
    await this.#guest.must(`${PROGRAM} stream ${node} ${buffers} ${count} > /tmp/samples && cp /tmp/samples /mnt/samples`);
    const all = readFileSync(join(this.#guest.share, 'samples'));
    const uptime = (at: number) =>
      all
        .toString('latin1', at, at + UPTIME_BYTES)
        .split(' ')
        .map(Number.parseFloat);
    const [[up = 0, idle = 0], [up2 = 0, idle2 = 0]] = [uptime(0), uptime(UPTIME_BYTES)];
    const bytes = all.subarray(2 * UPTIME_BYTES);
    const frames = Array.from({ length: bytes.length / 16 }, (_, i) => ({
      sequence: bytes.readUInt32LE(16 * i),
      bytes: bytes.readUInt32LE(16 * i + 4),
      at: Number(bytes.readBigUInt64LE(16 * i + 8)) / 1e6,
    }));
    return { frames, busy: up2 - up - (idle2 - idle) };
  }
}

async function buildProbe(kernel: Kernel): Promise<string> {
  const folder = join(kernel.tree, FOLDER);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  cpSync(SOURCES, folder, { recursive: true });
  const compiler = readdirSync(join(kernel.tree, 'usr/bin')).find((name) => /^(x86_64-linux-gnu-)?gcc-\d+$/.test(name));
  if (compiler === undefined) throw new LabError(`there is no compiler in ${kernel.tree}: remove it and run npm run vm:setup`);
  const headers = `/usr/src/linux-headers-${kernel.release}`;
  const common = headers.replace(/-[^-]*$/, '-common');
  const includes = [
    FOLDER,
    `${common}/include/uapi`,
    `${common}/arch/x86/include/uapi`,
    `${headers}/arch/x86/include/generated/uapi`,
    `${headers}/include/generated/uapi`,
  ];
  const flags = [
    '-O2',
    '-Wall',
    '-Wextra',
    '-Werror',
    '-static',
    '-nostdlib',
    '-nostdinc',
    '-fno-stack-protector',
    '-fno-builtin',
    '-D__EXPORTED_HEADERS__',
  ];
  const program = `${FOLDER}/probe`;
  await inTree(kernel.tree, 'building the measuring program', [
    compiler,
    ...flags,
    ...includes.map((path) => `-I${path}`),
    ...['-o', program, `${FOLDER}/probe.c`],
  ]);
  return join(kernel.tree, program);
}
