// SPDX-License-Identifier: Apache-2.0
/** Disks without room: what cannot be written is refused with its reason, nothing of it is left, and guests are served all the same. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { MediaDriver } from '@paravideo/core';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { connectFrontend } from '../src/frontend/index.ts';
import { CodedFilm, visibleMd5 } from './coded-film.ts';
import { serveWith } from './process-rig.ts';

const ENTRY = fileURLToPath(new URL('../bin/start.js', import.meta.url));

/** A file system of its own at `full`, which nobody else sees, with so many files and 16 KiB. */
const mount = 'mount -t tmpfs -o size=16k,nr_inodes=$inodes none "$full" || exit 99';
const mayMount = spawnSync('unshare', ['-m', 'sh', '-c', `full=/mnt inodes=2; ${mount}`]).status === 0;

describe.skipIf(!mayMount)(`a full disk${mayMount ? '' : ' (skipped: this user may not mount one)'}`, () => {
  let folder = '';
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'pv-full-'));
    mkdirSync(join(folder, 'full'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  /** Runs the command where `full` has room for so many files; what it says, its status, and the files that it left there. */
  function run(files: number, ...args: string[]): { said: string; status: number | null; left: string } {
    const script = `full="$1" inodes=$2; shift 2; ${mount}; "$@"; code=$?; ls "$full"; exit $code`;
    const command = ['-m', 'sh', '-c', script, 'sh', join(folder, 'full'), String(files + 1), process.execPath, ENTRY, ...args];
    const env = { ...process.env, TMPDIR: join(folder, 'full') };
    const { stdout, stderr, status } = spawnSync('unshare', command, { encoding: 'utf8', timeout: 50_000, env });
    return { said: stderr.trim(), status, left: stdout.trim() };
  }

  it('has no room for a second socket: the daemon says so and removes the first', () => {
    const [first, second] = [join(folder, 'full/first'), join(folder, 'full/second')];
    const { said, status, left } = run(1, 'serve', '--camera', first, '--decoder', second);
    expect(said).toBe(`paravideo: bind failed with ENOSPC: ${second}`);
    expect([status, left]).toEqual([3, '']);
  });

  it.each([
    ['a folder for its daemon', 0],
    ['the sockets of its daemon', 2],
  ])('has no room for the demo: %s', (_, files) => {
    const { said, status, left } = run(files, 'demo', '--out', join(folder, 'out'));
    expect(said).toMatch(/^paravideo: .*ENOSPC.*$/);
    expect([status === 0, left]).toEqual([false, '']);
  });

  it('keeps nobody from cameras and decoders of a daemon whose log, sockets and temporary files lie on it', async () => {
    // Two files for sockets, one for the log, one that takes all the room.
    const script = `full="$(dirname "$5")/full" inodes=5; mkdir "$full"; ${mount}; cd "$full"; export TMPDIR="$full"; exec 2> log
      dd if=/dev/zero of=all 2> /dev/null; exec "$@"`;
    const devices = [
      { kind: 'camera', name: 'camera', socket: 'FOLDER/full/camera' },
      { kind: 'decoder', name: 'decoder', socket: 'FOLDER/full/decoder' },
    ];
    await using daemon = await serveWith({ log: 'trace', devices }, { before: ['unshare', '-m', 'sh', '-c', script, 'sh'] });
    const path = (name: string): string => join(`/proc/${daemon.pid}/root`, daemon.folder, 'full', name);
    const film = new CodedFilm('h264', 'h264-b-frames.h264');
    for (let round = 0; round < 2; round++) {
      await using camera = await connectFrontend(path('camera'), { memoryBytes: 2 << 20 });
      expect((await (await MediaDriver.attach(camera)).open()).state).toBe('open');
      await using decoder = await connectFrontend(path('decoder'), { memoryBytes: 16 << 20 });
      const client = await film.open(await MediaDriver.attach(decoder), 'mmap');
      const found: string[] = [];
      for await (const picture of client.decode(film.chunks)) found.push(visibleMd5(picture));
      expect(found).toEqual(film.md5s);
      await client.close();
      await camera.close();
      await decoder.close();
    }
    daemon.process.kill('SIGTERM');
    expect(await daemon.ended).toBe(0);
  });
});
