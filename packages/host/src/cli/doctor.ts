// SPDX-License-Identifier: Apache-2.0
/** `paravideo doctor`: what this machine can do, and what to install for what it cannot. */
import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, readFileSync } from 'node:fs';
import { release } from 'node:os';

/** One thing that was looked at. `remedy` is there when something should be done about it. */
export interface DoctorFinding {
  readonly name: string;
  /** `missing` stops Paravideo from working, `limited` costs a feature */
  readonly state: 'good' | 'limited' | 'missing';
  readonly found: string;
  readonly remedy?: string;
}

/** Looks at this machine. Never throws. */
export async function examine(): Promise<DoctorFinding[]> {
  const system = examineSystem();
  if (process.platform !== 'linux') return [system];
  return [
    system,
    examineNode(),
    await examineKoffi(),
    await examineCodecs(),
    examineFfmpeg(),
    examineMemfd(),
    await examineFaults(),
    await examineSandbox(),
    await examineLandlock(),
    examineLimits(),
    examineKvm(),
    ...examineVmms(),
  ];
}

function examineSystem(): DoctorFinding {
  const found = `${process.platform} ${release()} ${process.arch}`;
  if (process.platform === 'linux') return { name: 'system', state: 'good', found };
  return { name: 'system', state: 'missing', found, remedy: 'run it on Linux: memfds, eventfds and vhost-user are Linux things' };
}

function examineNode(): DoctorFinding {
  const fits = Number(process.versions.node.split('.')[0]) >= 24;
  const base = { name: 'Node', found: `v${process.versions.node} (${process.execPath})` };
  return fits ? { ...base, state: 'good' } : { ...base, state: 'missing', remedy: 'install Node 24 or later' };
}

async function examineKoffi(): Promise<DoctorFinding> {
  try {
    const { eventfd } = await import('../sys/index.ts');
    eventfd().close();
    return { name: 'system calls (koffi)', state: 'good', found: 'loaded' };
  } catch (error) {
    return { name: 'system calls (koffi)', state: 'missing', found: oneLine(error), remedy: 'npm install koffi' };
  }
}

async function examineCodecs(): Promise<DoctorFinding> {
  const name = 'codecs (node-av)';
  const { AV_INSTALL_COMMAND, loadAv, openVideoDecoder, VIDEO_CODECS } = await import('../av/index.ts');
  try {
    const av = await loadAv();
    const usable = VIDEO_CODECS.filter((codec) => {
      try {
        openVideoDecoder(av, codec, 1).freeContext();
        return true;
      } catch {
        return false;
      }
    });
    const found = usable.join(', ') || 'none';
    if (usable.length === VIDEO_CODECS.length) return { name, state: 'good', found };
    return { name, state: 'limited', found, remedy: `the library lacks decoders; take its own build: ${AV_INSTALL_COMMAND}` };
  } catch {
    const remedy = `${AV_INSTALL_COMMAND} (without it cameras have the raw formats of their sources, and no MJPG)`;
    return { name, state: 'limited', found: 'not installed', remedy };
  }
}

function examineFfmpeg(): DoctorFinding {
  const version = firstLine('ffmpeg', ['-version']);
  const name = 'ffmpeg command';
  if (version) return { name, state: 'good', found: version.replace(/ Copyright.*/, '') };
  return { name, state: 'limited', found: 'not on PATH', remedy: 'install ffmpeg (only `demo` and `bench` compare with it)' };
}

function examineMemfd(): DoctorFinding {
  const kernel = release().split('.').map(Number);
  const name = 'sealed memfds';
  const fits = (kernel[0] ?? 0) > 3 || ((kernel[0] ?? 0) === 3 && (kernel[1] ?? 0) >= 17);
  return fits
    ? { name, state: 'good', found: 'supported' }
    : { name, state: 'missing', found: release(), remedy: 'a kernel of 3.17 or later' };
}

async function examineFaults(): Promise<DoctorFinding> {
  const name = 'guest memory that is taken away';
  try {
    const { faultGuardMissing } = await import('../sys/index.ts');
    const missing = faultGuardMissing();
    if (missing === undefined) return { name, state: 'good', found: 'ends its guest alone' };
    const remedy = 'guest memory has to be a memfd that may be sealed (QEMU: memory-backend-memfd); or allow executable memory';
    return { name, state: 'limited', found: `cannot be survived (${missing}): refused`, remedy };
  } catch (error) {
    return { name, state: 'limited', found: oneLine(error), remedy: 'npm install koffi' };
  }
}

async function examineSandbox(): Promise<DoctorFinding> {
  const name = 'sandbox of codecs';
  if (process.arch !== 'x64' && process.arch !== 'arm64')
    return { name, state: 'missing', found: `no system call filter for ${process.arch}`, remedy: 'run it on x86-64 or arm64' };
  const { delegationText, isolation } = await import('../isolation/child/index.ts');
  const { level, missing } = isolation();
  const base = { name, found: `level: ${level}; ${delegationText()}` };
  const reasons = Object.entries(missing).map(([namespace, reason]) => `${namespace}: ${reason}`);
  if (reasons.length === 0) return { ...base, state: 'good' };
  const remedy = `allow the daemon namespaces (root, or unprivileged user namespaces); refused: ${reasons.join('; ')}`;
  return { ...base, state: 'limited', remedy };
}

async function examineLandlock(): Promise<DoctorFinding> {
  const name = 'live streams and screens';
  try {
    const { landlockVersion } = await import('../sys/index.ts');
    const version = landlockVersion();
    if (version > 0) return { name, state: 'good', found: `kept from files by Landlock, version ${version}` };
    const remedy = 'a kernel with CONFIG_SECURITY_LANDLOCK, and landlock in its list of lsm= (sources url and screen need it)';
    return { name, state: 'limited', found: 'this kernel has no Landlock', remedy };
  } catch (error) {
    return { name, state: 'limited', found: oneLine(error), remedy: 'npm install koffi' };
  }
}

function examineLimits(): DoctorFinding {
  const match = /^Max open files\s+(\d+|unlimited)/m.exec(readText('/proc/self/limits'));
  const soft = match?.[1] === 'unlimited' ? Number.POSITIVE_INFINITY : Number(match?.[1] ?? 0);
  const base = { name: 'open files', found: `${soft} descriptors` };
  if (soft >= 1024) return { ...base, state: 'good' };
  return { ...base, state: 'limited', remedy: 'ulimit -n 4096: a guest takes about forty, more with many memory slots' };
}

function examineKvm(): DoctorFinding {
  const name = 'KVM';
  try {
    accessSync('/dev/kvm', constants.R_OK | constants.W_OK);
    return { name, state: 'good', found: '/dev/kvm' };
  } catch {
    const found = existsSync('/dev/kvm') ? '/dev/kvm, not accessible' : 'no /dev/kvm';
    return {
      name,
      state: 'limited',
      found,
      remedy: 'guests will run emulated; add yourself to the kvm group or enable virtualisation',
    };
  }
}

const VMMS = ['qemu-system-x86_64', 'qemu-system-aarch64', 'crosvm', 'cloud-hypervisor'] as const;

function examineVmms(): DoctorFinding[] {
  const found = VMMS.flatMap((command) => {
    const version = firstLine(command, ['--version']);
    return version ? [examineVmm(command, version)] : [];
  });
  if (found.length > 0) return found;
  const remedy =
    'install a VMM with vfio-user or a vhost-user media device (QEMU 10.1 or later); `demo`, `probe`, `check` and `bench` need none';
  return [{ name: 'VMM', state: 'limited', found: 'none on PATH', remedy }];
}

function examineVmm(command: string, version: string): DoctorFinding {
  if (!command.startsWith('qemu')) return { name: command, state: 'good', found: version };
  const devices = output(command, ['-device', 'help']);
  const usable = ['vhost-user-media-pci', 'vfio-user-pci'].filter((device) => devices.includes(`"${device}"`));
  if (usable.length > 0) return { name: command, state: 'good', found: `${version}: ${usable.join(', ')}` };
  const remedy = 'it has neither vhost-user-media-pci nor vfio-user-pci: use QEMU 10.1 or later';
  return { name: command, state: 'limited', found: version, remedy };
}

function output(command: string, args: readonly string[]): string {
  const result = spawnSync(command, args, { encoding: 'utf8', timeout: 10_000 });
  return result.status === 0 ? result.stdout : '';
}

const firstLine = (command: string, args: readonly string[]): string => output(command, args).split('\n', 1)[0]?.trim() ?? '';

const oneLine = (error: unknown): string => (error instanceof Error ? error.message : String(error)).split('\n', 1)[0] ?? '';

function readText(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}
