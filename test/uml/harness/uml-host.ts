// SPDX-License-Identifier: Apache-2.0
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { AgentLink, GuestError, SCRIPT_TIMEOUT, type ScriptResult, Scripts, withTimeout } from '../../vm/harness/index.ts';
import { cacheFolder } from '../../vm/lab/index.ts';
import { setupUml, type UmlLab } from '../lab/index.ts';
import { ConsoleLog } from './console.ts';
import { moduleFiles } from './modules.ts';
import { putTools } from './tools.ts';

/** How a User-mode Linux is started. */
export interface UmlOptions {
  /** modules to load, in this order, with what they need; each may have arguments: `vivid n_devs=1` */
  readonly modules?: readonly string[];
  /** sockets of vhost-user back-ends of virtio-media devices, which become devices of this kernel */
  readonly devices?: readonly string[];
  /** 1024 unless told; as much has to be free in /dev/shm */
  readonly memoryMiB?: number;
  readonly kernelWords?: readonly string[];
  /** lines of the console that tell of a fault and that the test brings about */
  readonly expected?: readonly RegExp[];
  /** what is in the cache unless told */
  readonly lab?: UmlLab;
}

const INIT = fileURLToPath(new URL('init.sh', import.meta.url));
const VIRTIO_ID_MEDIA = 48;
const MEMORY_MIB = 1024;
const MIB = 1 << 20;
const BOOT_TIMEOUT = 120_000;
const OFF_TIMEOUT = 30_000;

/**
 * A User-mode Linux kernel: a process of this machine whose root is the machine's own, read-only, with devices of its own. Scripts run in
 * it one after another or at once; what they write to /mnt is in `share` here. Disposing of it ends it, by force if that takes too long,
 * and throws `GuestError` where its kernel has told of a fault of its own; the folder with the console's log then stays.
 */
export class UmlHost implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #exit: Promise<void>;
  readonly #link: AgentLink;
  readonly #console: ConsoleLog;
  readonly #folder: string;
  readonly #scripts: Scripts;
  readonly #lab: UmlLab;
  readonly #expected: readonly RegExp[];
  #keep = false;
  /** whether it was told to end */
  #ending = false;

  private constructor(folder: string, lab: UmlLab, options: UmlOptions) {
    this.#folder = folder;
    this.#lab = lab;
    this.#expected = options.expected ?? [];
    mkdirSync(this.share);
    putTools(lab.tools, join(this.share, 'bin'));
    // It ends with this process, however that ends; its own processes end with it.
    this.#child = spawn('setpriv', ['--pdeathsig', 'KILL', lab.linux, ...this.#arguments(options)], {
      stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
      env: { ...process.env, TMPDIR: memoryFolder(options.memoryMiB ?? MEMORY_MIB) },
    });
    this.#console = new ConsoleLog();
    for (const output of [this.#child.stdout, this.#child.stderr])
      output?.setEncoding('latin1').on('data', (text: string) => this.#console.take(text));
    this.#link = AgentLink.over(this.#child.stdio[3] as Duplex);
    this.#exit = new Promise((resolve) => {
      const ended = (how: string) => {
        resolve();
        this.#link.fail(new GuestError(`User-mode Linux ended (${how})${this.#ending ? '' : this.#consoleEnd()}`));
      };
      this.#child.once('error', (error) => ended(error.message));
      this.#child.once('close', (code, signal) => ended(signal ?? `status ${code}`));
    });
    const running = () => this.running;
    this.#scripts = new Scripts({ link: this.#link, share: this.share, running, keep: () => this.keep() });
  }

  /** Boots one and loads its modules. Throws `GuestError` with the end of its console. */
  static async boot(options: UmlOptions = {}): Promise<UmlHost> {
    const lab = options.lab ?? (await setupUml({ cache: cacheFolder() }));
    const host = new UmlHost(mkdtempSync(join(tmpdir(), 'paravideo-uml-')), lab, options);
    try {
      await withTimeout(host.#link.ready, BOOT_TIMEOUT, () => `User-mode Linux did not start${host.#consoleEnd()}`);
      for (const module of options.modules ?? []) await host.load(module);
    } catch (error) {
      await host.#kill();
      throw error;
    }
    return host;
  }

  /** Folder that it sees as /mnt. */
  get share(): string {
    return join(this.#folder, 'share');
  }

  /** What its console has shown. */
  get console(): string {
    return this.#console.text;
  }

  get pid(): number {
    return this.#child.pid ?? -1;
  }

  /** False after it ended. */
  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /**
   * Runs a shell script as root, with `node`, `v4l2-ctl` and `v4l2-compliance` there. A script that takes longer than `timeout`
   * milliseconds is killed with all its children, and `GuestError` is thrown; so it is when the kernel ends.
   */
  async run(script: string, timeout = SCRIPT_TIMEOUT): Promise<ScriptResult> {
    return await this.#told(this.#scripts.run(script, timeout));
  }

  /** Runs a script that has to succeed and returns its standard output. Throws `GuestError` with its output otherwise. */
  async must(script: string, timeout = SCRIPT_TIMEOUT): Promise<string> {
    return await this.#told(this.#scripts.must(script, timeout));
  }

  /** Loads a module, `NAME ARGUMENTS`, and those that it needs and are not there yet. */
  async load(module: string): Promise<void> {
    const [name = '', ...words] = module.split(' ');
    const files = moduleFiles(readFileSync(join(this.#lab.modules, 'modules.dep'), 'utf8'), name);
    const lines = files.map(({ name: loaded, path }, i) => {
      const given = i === files.length - 1 ? words.join(' ') : '';
      return `[ -d /sys/module/${loaded} ] || ${this.busybox} insmod ${join(this.#lab.modules, path)} ${given} || exit`;
    });
    await this.must(lines.join('\n'));
  }

  /** Keeps the folder, writes the console's log into it, and says where it is. */
  keep(): string {
    this.#keep = true;
    mkdirSync(this.#folder, { recursive: true });
    writeFileSync(join(this.#folder, 'console.log'), this.#console.text, 'latin1');
    return this.#folder;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ending = true;
    if (this.running) {
      try {
        this.#link.send('poweroff');
      } catch {
        // its line is gone already
      }
      const timer = setTimeout(() => this.#child.kill('SIGKILL'), OFF_TIMEOUT);
      await this.#exit;
      clearTimeout(timer);
    }
    const complaints = this.#console.complaints(this.#expected);
    if (complaints.length > 0) this.keep();
    await this.#kill();
    if (complaints.length > 0)
      throw new GuestError(`the kernel told of a fault:\n  ${complaints.join('\n  ')}${this.#consoleEnd()}`);
  }

  /** Path of a busybox, here and there. */
  get busybox(): string {
    return join(this.#lab.tools, 'usr/bin/busybox');
  }

  #arguments({ devices = [], memoryMiB = MEMORY_MIB, kernelWords = [] }: UmlOptions): readonly string[] {
    return [
      `mem=${memoryMiB}M`,
      ...['root=/dev/root', 'rootfstype=hostfs', 'rootflags=/', 'ro', `init=${INIT}`],
      ...[`paravideo_busybox=${this.busybox}`, `paravideo_share=${this.share}`],
      // descriptors of the process: the console's, and the line of the harness
      ...['con=null', 'con0=null,fd:1', 'ssl=null', 'ssl0=fd:3,fd:3'],
      ...['noreboot', 'oops=panic', 'printk.time=1', `uml_dir=${join(this.#folder, 'uml')}`],
      // by system call filters where the machine lets it, by ptrace elsewhere
      'seccomp=auto',
      ...devices.map((socket) => `virtio_uml.device=${socket}:${VIRTIO_ID_MEDIA}`),
      ...kernelWords,
    ];
  }

  /** A result; or an error that also shows the console, if that has something to tell. */
  async #told<T>(result: Promise<T>): Promise<T> {
    try {
      return await result;
    } catch (error) {
      if (error instanceof GuestError && this.running && this.#console.complaints(this.#expected).length > 0)
        throw new GuestError(`${error.message}${this.#consoleEnd()}`);
      throw error;
    }
  }

  /** For the message of an error; keeps what tells more. */
  #consoleEnd(): string {
    return `; its console ended with\n${this.#console.tail}see ${this.keep()}`;
  }

  async #kill(): Promise<void> {
    this.#ending = true;
    this.#child.kill('SIGKILL');
    await this.#exit;
    this.#link[Symbol.dispose]();
    if (!this.#keep) rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** Where the file lies that is the kernel's memory: in tmpfs, since a daemon takes guest memory of no other file. */
function memoryFolder(memoryMiB: number): string {
  const { bavail, bsize } = statfsSync('/dev/shm');
  if (bavail * bsize >= memoryMiB * MIB) return '/dev/shm';
  throw new GuestError(
    `/dev/shm has less room than the ${memoryMiB} MiB of User-mode Linux: make it larger, or memoryMiB smaller`,
  );
}
