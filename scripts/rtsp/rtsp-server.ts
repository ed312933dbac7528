// SPDX-License-Identifier: Apache-2.0
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { lockCache } from '../../test/vm/lab/cache-lock.ts';
import { treeCommand } from '../../test/vm/lab/chroot.ts';
import { aptIn, forgetDownloads } from '../../test/vm/lab/downloads.ts';
import { keepRoot } from '../../test/vm/lab/kept.ts';
import type { RootRecipe } from '../../test/vm/lab/roots.ts';

const PROGRAM = fileURLToPath(new URL('./serve.py', import.meta.url));

const GSTREAMER = ['bad', 'base', 'good', 'ugly'].map((name) => `gstreamer1.0-plugins-${name}`);

const RECIPE: RootRecipe = {
  name: 'rtsp-server',
  architecture: 'amd64',
  suites: ['trixie'],
  packages: [
    ...['base-files', 'bash', 'coreutils', 'dash', 'libc-bin', 'mount'],
    ...['python3-gi', 'gir1.2-gst-rtsp-server-1.0', ...GSTREAMER],
  ],
};

/** The server's root: a tree of Debian's packages in the cache, made unless it is there. Throws `LabError`. */
export async function serverTree(cache: string, progress: (part: string, step: string) => void): Promise<string> {
  mkdirSync(join(cache, 'stamps'), { recursive: true });
  using _alone = await lockCache(cache, () => progress('cache', 'waiting for another process that sets it up'));
  const open = aptIn(cache, (step) => progress('tools', step));
  const tree = await keepRoot(RECIPE, cache, open, progress);
  forgetDownloads(cache);
  copyFileSync(PROGRAM, join(tree, 'root/serve.py'));
  return tree;
}

/** What the server's camera is like. */
export interface ServedCamera {
  readonly width: number;
  readonly height: number;
  readonly fps: number;
  /** how much too fast its crystal is, in parts of a million */
  readonly ppm: number;
}

/** GStreamer's RTSP server, at rtsp://127.0.0.1:PORT/clock. */
export class RtspServer {
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  /** Resolves when it listens. */
  static async start(tree: string, port: number, { width, height, fps, ppm }: ServedCamera): Promise<RtspServer> {
    const args = [port, width, height, fps, ppm].map(String);
    const [program = '', ...rest] = treeCommand(tree, ['/usr/bin/python3', '/root/serve.py', ...args]);
    const child = spawn(program, rest, { stdio: ['ignore', 'pipe', 'ignore'], env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' } });
    const lines = createInterface(child.stdout);
    const [said] = (await Promise.race([once(lines, 'line'), once(child, 'exit')])) as [unknown];
    if (said !== 'ready') throw new TypeError(`the RTSP server did not start (${String(said)}): is port ${port} taken?`);
    return new RtspServer(child);
  }

  /** Ends it at once, as if its cable were pulled. */
  async kill(): Promise<void> {
    const gone = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await gone;
  }
}
