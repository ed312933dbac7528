// SPDX-License-Identifier: Apache-2.0
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

/**
 * What a camera shows, made by a process that can be held up and ended: a moving picture with a clock in it, written into a FIFO that
 * a daemon reads.
 */
export class Feeder implements AsyncDisposable {
  readonly #fifo: string;
  #child: ChildProcess | undefined;

  /** `folder`: where the FIFO is; the daemon makes it. */
  constructor(folder: string) {
    this.#fifo = join(folder, 'feed.y4m');
  }

  /** The source of the daemon's configuration. */
  get source(): { fifo: string } {
    return { fifo: this.#fifo };
  }

  begin(): void {
    const input = 'testsrc2=size=1280x720:rate=30';
    const args = [
      '-v',
      'error',
      '-re',
      '-f',
      'lavfi',
      '-i',
      input,
      '-pix_fmt',
      'yuv420p',
      '-f',
      'yuv4mpegpipe',
      '-y',
      this.#fifo,
    ];
    this.#child = spawn('ffmpeg', args, { stdio: 'ignore' });
  }

  /** No frame comes until `resume`. */
  pause(): void {
    this.#child?.kill('SIGSTOP');
  }

  resume(): void {
    this.#child?.kill('SIGCONT');
  }

  /** The camera goes, until `begin`. */
  async end(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.end();
  }
}
