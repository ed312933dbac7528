// SPDX-License-Identifier: Apache-2.0
import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { BenchError } from './bench-error.ts';

/**
 * A process that takes part in a measurement: a script of this folder, which says "ready" on standard output when it is, and
 * ends when its standard input does, so that none survives a benchmark that was killed.
 */
export class HelperProcess implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #exit: Promise<number | null>;
  readonly #blocks: boolean;

  private constructor(child: ChildProcess, blocks: boolean) {
    this.#child = child;
    this.#blocks = blocks;
    this.#exit = new Promise((resolve) => {
      child.once('exit', resolve);
      child.once('error', () => resolve(null));
    });
  }

  /**
   * Starts `script` (named without extension, beside this file) with arguments and descriptors 3, 4 …; waits until it is ready.
   * One that `blocks` hears nothing of its standard input: it is killed at the end, and asks the kernel to die with this process.
   */
  static async start(
    script: string,
    args: readonly string[],
    fds: readonly number[] = [],
    blocks = false,
  ): Promise<HelperProcess> {
    // processes run the build, whoever starts them
    const folder = import.meta.url.endsWith('.ts') ? '../../../dist/cli/bench/' : './';
    const path = fileURLToPath(new URL(`${folder}${script}.js`, import.meta.url));
    const child = spawn(process.execPath, [path, ...args], { stdio: ['pipe', 'pipe', 'inherit', ...fds] });
    const helper = new HelperProcess(child, blocks);
    const ready = new Promise<'ready'>((resolve) => child.stdout?.once('data', () => resolve('ready')));
    const outcome = await Promise.race([ready, helper.#exit]);
    if (outcome !== 'ready') throw new BenchError(`${script} did not start (exit code ${outcome})`);
    return helper;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.stdin?.end();
    if (this.#blocks) this.#child.kill('SIGKILL');
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), 5000);
    await this.#exit;
    clearTimeout(timer);
  }
}
