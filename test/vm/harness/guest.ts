// SPDX-License-Identifier: Apache-2.0
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Lab } from '../lab/index.ts';
import { AgentLink } from './agent-link.ts';
import { deviceId, disconnectCommand, type GuestDevice, guestFolder, plugCommands, unplugCommand } from './devices.ts';
import { GuestError } from './guest-error.ts';
import { machineArguments } from './machine.ts';
import { Monitor } from './monitor.ts';
import { withTimeout } from './patience.ts';
import { SCRIPT_TIMEOUT, type ScriptResult, Scripts } from './scripts.ts';

/** How a guest is started. */
export interface GuestOptions {
  readonly lab: Lab;
  readonly devices?: readonly GuestDevice[];
  readonly memoryMiB?: number;
  readonly kernelWords?: readonly string[];
  /** further arguments for QEMU */
  readonly more?: readonly string[];
  /** whether the guest may restart; a panic then restarts it, too */
  readonly reboot?: boolean;
  /** whether `unplug` and `plug` can exchange devices */
  readonly pluggable?: boolean;
  /** milliseconds until the guest must have started; 400 s unless told */
  readonly bootTimeout?: number;
}

const BOOT_TIMEOUT = 400_000;
/** until QEMU is killed; for who waits for it, `OFF_PATIENCE` */
const OFF_TIMEOUT = 30_000;
const OFF_PATIENCE = 400_000;
const DISCONNECT_TIMEOUT = 60_000;

/**
 * A running test guest. Scripts run in it one after another or at once; what they write to /mnt is in `share` here. Disposing of it
 * switches it off, kills QEMU if that takes too long, and removes the folder, unless something failed: then the folder stays, with the
 * console's log, and the error names it.
 */
export class Guest implements AsyncDisposable {
  /** milliseconds from QEMU's start until the guest took orders */
  readonly bootMillis: number;
  readonly #child: ChildProcess;
  readonly #exit: Promise<void>;
  readonly #link: AgentLink;
  readonly #monitor: Monitor;
  readonly #folder: string;
  readonly #scripts: Scripts;
  readonly #devices: GuestDevice[];
  #keep = false;

  private constructor(
    child: ChildProcess,
    exit: Promise<void>,
    link: AgentLink,
    folder: string,
    devices: readonly GuestDevice[],
    bootMillis: number,
  ) {
    this.#child = child;
    this.#exit = exit;
    this.#link = link;
    this.#monitor = new Monitor(join(folder, 'monitor.sock'));
    this.#folder = folder;
    this.#scripts = new Scripts({ link, share: this.share, running: () => this.running, keep: () => this.keep() });
    this.#devices = [...devices];
    this.bootMillis = bootMillis;
  }

  /** Boots a guest. Throws `GuestError` with the end of the console's log if it does not come up. */
  static async start(options: GuestOptions): Promise<Guest> {
    const { lab, devices = [], memoryMiB = 1024, kernelWords = [], more = [], reboot = false } = options;
    const { pluggable = false } = options;
    const folder = mkdtempSync(join(tmpdir(), 'paravideo-vm-'));
    const share = join(folder, 'share');
    mkdirSync(share);
    const agent = join(folder, 'agent.sock');
    const link = await AgentLink.listen(agent);
    const monitor = join(folder, 'monitor.sock');
    const log = join(folder, 'console.log');
    const where = { console: { file: log }, agent, monitor, share };
    const args = machineArguments({ lab, devices, memoryMiB, kernelWords, more, reboot, pluggable, ...where });
    const started = performance.now();
    const child = spawn(lab.qemu.program, args, {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { ...process.env, ...lab.qemu.env },
    });
    let words = '';
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      words = (words + text).slice(-4000);
    });
    const exit = new Promise<void>((resolve) => {
      const ended = (how: string) => {
        link.fail(new GuestError(`QEMU ended (${how})${words && `: ${words.trim()}`}${lastLines(log)}\nsee ${folder}`));
        resolve();
      };
      child.once('error', (error) => ended(error.message));
      child.once('close', (code, signal) => ended(signal ?? `status ${code}`));
    });
    try {
      await withTimeout(
        link.ready,
        options.bootTimeout ?? BOOT_TIMEOUT,
        () => `the guest did not start${lastLines(log)}\nsee ${folder}`,
      );
    } catch (error) {
      child.kill('SIGKILL');
      await exit;
      link[Symbol.dispose]();
      throw error;
    }
    return new Guest(child, exit, link, folder, devices, performance.now() - started);
  }

  /** Folder that the guest sees as /mnt. */
  get share(): string {
    return join(this.#folder, 'share');
  }

  /** What the guest's console has shown. */
  get console(): string {
    return readFileSync(this.#log, 'latin1');
  }

  get #log(): string {
    return join(this.#folder, 'console.log');
  }

  get pid(): number {
    return this.#child.pid ?? -1;
  }

  /** False after QEMU ended. */
  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /**
   * Runs a shell script in the guest's root file system. A script that takes longer than `timeout` milliseconds is killed with all its
   * children, and `GuestError` is thrown; so it is when the guest dies.
   */
  run(script: string, timeout = SCRIPT_TIMEOUT): Promise<ScriptResult> {
    return this.#scripts.run(script, timeout);
  }

  /** Runs a script that has to succeed and returns its standard output. Throws `GuestError` with its output otherwise. */
  must(script: string, timeout = SCRIPT_TIMEOUT): Promise<string> {
    return this.#scripts.must(script, timeout);
  }

  /** Restarts the guest, from inside or by the machine's reset, and waits until it takes orders again; its share stays. */
  async reboot(how: 'inside' | 'reset' = 'inside'): Promise<void> {
    this.#link.expectRestart();
    if (how === 'inside') this.#link.send('reboot');
    else await this.#monitor.until({ execute: 'system_reset' }, 'RESET');
    await withTimeout(this.#link.ready, BOOT_TIMEOUT, () => `the guest did not come back${lastLines(this.#log)}`);
  }

  /**
   * Unplugs the device `index` of a guest that was started `pluggable`; returns when the guest has let go of it and QEMU of its
   * connection. One device at a time: where QEMU's ACPI has two to tell of, the guest is told twice to eject the one, and ejects what
   * was plugged in since.
   */
  async unplug(index: number): Promise<void> {
    await this.#monitor.until(unplugCommand(index), 'DEVICE_DELETED', ({ device }) => device === deviceId(index));
    if (this.#devices[index]?.transport !== 'vhost-user') return;
    // no event tells when the last of the device is gone and with it the use of its connection
    const deadline = performance.now() + DISCONNECT_TIMEOUT;
    for (;;) {
      try {
        return await this.#monitor.command(disconnectCommand(index));
      } catch (error) {
        if (performance.now() > deadline) throw error;
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    }
  }

  /** Plugs in a device in place of the one that was unplugged as number `index`; returns when the guest's kernel has it. */
  async plug(index: number, device: GuestDevice): Promise<void> {
    for (const command of plugCommands(index, device)) await this.#monitor.command(command);
    this.#devices[index] = device;
    await this.must(awaitScript(`ls -d ${guestFolder(index)}/driver`), SCRIPT_TIMEOUT);
  }

  /** Stops the guest's processor; `resume` lets it go on. */
  async stop(): Promise<void> {
    await this.#monitor.until({ execute: 'stop' }, 'STOP');
  }

  /** Lets a stopped guest go on. */
  async resume(): Promise<void> {
    await this.#monitor.until({ execute: 'cont' }, 'RESUME');
  }

  /** Switches the guest off; returns when QEMU has ended by itself, and throws `GuestError` where it does not in 400 s. */
  async powerOff(): Promise<void> {
    this.#link.send('poweroff');
    try {
      await withTimeout(this.#exit, OFF_PATIENCE, () => `the guest does not shut down${lastLines(this.#log)}`);
    } catch (error) {
      this.#keep = true;
      throw error;
    }
  }

  /** Keeps the folder with the console's log when the guest is disposed of, and says where it is. */
  keep(): string {
    this.#keep = true;
    return this.#folder;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.running) {
      try {
        this.#link.send('poweroff');
      } catch {
        // its port is gone already
      }
      const timer = setTimeout(() => this.#child.kill('SIGKILL'), OFF_TIMEOUT);
      await this.#exit;
      clearTimeout(timer);
    }
    this.#link[Symbol.dispose]();
    this.#monitor[Symbol.dispose]();
    if (!this.#keep) rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** A script that waits until `test` succeeds, looking ten times a second, and fails with what `test` says if it takes two minutes. */
export function awaitScript(test: string): string {
  return (
    `tries=0; until said=$(${test} 2>&1); do tries=$((tries+1)); ` +
    `[ $tries -lt 1200 ] || { echo "never came true: $said" >&2; exit 1; }; sleep 0.1; done`
  );
}

function lastLines(log: string): string {
  if (!existsSync(log)) return '';
  const lines = readFileSync(log, 'latin1').split('\n').slice(-20);
  return `; its console ended with\n  ${lines.join('\n  ')}`;
}
