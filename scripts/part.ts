// SPDX-License-Identifier: Apache-2.0
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface, type Interface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** A process of a measurement: a script that speaks in lines and ends with its standard input. */
export class Part implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #lines: Interface;
  readonly #exit: Promise<unknown>;

  constructor(script: URL, args: readonly string[] = []) {
    this.#child = spawn(process.execPath, [fileURLToPath(script), ...args], { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#exit = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#lines = createInterface(this.#child.stdout as NodeJS.ReadableStream);
  }

  /** The next line that it says; undefined if it says none in time. */
  async line(within: number): Promise<string | undefined> {
    const { promise, resolve } = Promise.withResolvers<string | undefined>();
    this.#lines.once('line', resolve);
    const timer = setTimeout(() => resolve(undefined), within);
    void this.#exit.then(() => resolve(undefined));
    const line = await promise;
    clearTimeout(timer);
    return line;
  }

  ask(question: string, within: number): Promise<string | undefined> {
    const answer = this.line(within);
    this.#child.stdin?.write(`${question}\n`);
    return answer;
  }

  /** Stops it where it stands: its memory stays, and it answers nothing. */
  freeze(): void {
    this.#child.kill('SIGSTOP');
  }

  thaw(): void {
    this.#child.kill('SIGCONT');
  }

  /** False after it ended by itself. */
  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.stdin?.end();
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), 1000);
    await this.#exit;
    clearTimeout(timer);
  }
}
