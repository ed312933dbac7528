// SPDX-License-Identifier: Apache-2.0
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { REPOSITORY } from '../lab/index.ts';
import { lab, TRANSPORTS } from './rig.ts';

const PROMPT = /root@[^\n]*# /;

describe.each(TRANSPORTS)('the shell in a guest, over %s', (transport) => {
  let child: ChildProcess | undefined;
  afterEach(() => void child?.kill('SIGKILL'));

  it('has devices that work, takes a source relative to where it is started, and ends with its shell', async () => {
    await lab();
    const source = 'packages/host/fixtures/h264-b-frames.h264';
    const args = [join(REPOSITORY, 'scripts/vm-shell.ts'), '--transport', transport, '--source', source];
    child = spawn(process.execPath, args, { cwd: REPOSITORY, stdio: ['pipe', 'pipe', 'inherit'] });
    const shell = new Terminal(child);
    await shell.until(PROMPT);
    shell.type('v4l2-ctl -d /dev/video0 --stream-mmap --stream-count=5; echo "status $?"');
    expect(await shell.until(/status \d+\s/)).toMatch(/<<<<<\s*status 0\s/);
    await shell.until(PROMPT);
    shell.type('ffmpeg -v error -c:v h264_v4l2m2m -i /mnt/clip.h264 -fps_mode passthrough -f framemd5 - | grep -vc "^#"; exit');
    const code = new Promise((resolve) => child?.once('close', resolve));
    expect(await shell.until(/\n25\s/)).toContain('\n25');
    expect(await code).toBe(0);
  });
});

/** What a child writes, and a way to wait for it. */
class Terminal {
  readonly #child: ChildProcess;
  #text = '';
  #look: () => void = () => {};

  constructor(child: ChildProcess) {
    this.#child = child;
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.#text += text.replaceAll('\r', '');
      this.#look();
    });
  }

  type(line: string): void {
    this.#child.stdin?.write(`${line}\n`);
  }

  /** Resolves with what was written, up to the first match; the next call goes on behind that. */
  until(pattern: RegExp): Promise<string> {
    return new Promise((resolve) => {
      this.#look = () => {
        const match = pattern.exec(this.#text);
        if (match === null) return;
        const end = match.index + match[0].length;
        const text = this.#text.slice(0, end);
        this.#text = this.#text.slice(end);
        this.#look = () => {};
        resolve(text);
      };
      this.#look();
    });
  }
}
