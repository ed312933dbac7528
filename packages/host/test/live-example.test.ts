// SPDX-License-Identifier: Apache-2.0
/** The live stream of docs/CAMERAS.md that stands there with its server, as it is copied, but for the names of folders and ports. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CaptureClient, MediaDriver } from '@paravideo/core';
import { expect, it } from 'vitest';
import { examplesOf } from '../../../test/uml/suites/document.ts';
import { connectFrontend } from '../src/frontend/index.ts';
import { withLandlock } from '../src/sys/testing/with-landlock.ts';
import { freePort } from './free-port.ts';

const DOCUMENT = fileURLToPath(new URL('../../../docs/CAMERAS.md', import.meta.url));
const START = fileURLToPath(new URL('../bin/start.js', import.meta.url));

it.runIf(withLandlock)('a live stream with its server, copied from CAMERAS, shows moving pictures', async () => {
  const example = examplesOf(readFileSync(DOCUMENT, 'utf8')).find(({ text }) => text.includes('-listen 1 http'));
  if (example === undefined) throw new TypeError('there is no such example');
  const folder = mkdtempSync(join(tmpdir(), 'pv-example-'));
  let child: ChildProcess | undefined;
  try {
    const socket = join(folder, 'cam.sock');
    const port = await freePort();
    const film = ['-v', 'error', '-f', 'lavfi', '-i', 'testsrc2=size=160x120:rate=30', '-t', '5', '-c:v', 'mpeg4'];
    expect(spawnSync('ffmpeg', [...film, join(folder, 'film.mp4')]).status).toBe(0);
    mkdirSync(join(folder, 'bin'));
    const npx = join(folder, 'bin/npx');
    writeFileSync(npx, `#!/bin/sh\nshift\nexec '${process.execPath}' '${START}' "$@"\n`);
    chmodSync(npx, 0o755);
    const script = example.text.replaceAll('/run/pv-cam.sock', socket).replaceAll('8091', String(port));
    child = spawn('sh', ['-c', script], {
      cwd: folder,
      detached: true,
      stdio: ['ignore', 'ignore', 'inherit'],
      env: { ...process.env, PATH: `${join(folder, 'bin')}:${process.env.PATH}` },
    });
    await expect.poll(() => existsSync(socket), { timeout: 120_000 }).toBe(true);
    const frontend = await connectFrontend(socket);
    const client = await CaptureClient.open(await MediaDriver.attach(frontend));
    await client.configure();
    await client.start();
    const pictures = new Set<string>();
    // Before the stream is there its camera says so in a picture that stands still.
    while (pictures.size < 10) {
      const { planes, error } = await client.next();
      if (!error) pictures.add(Buffer.from(planes[0] ?? []).toString('latin1'));
    }
    await frontend.close();
  } finally {
    if (child?.pid !== undefined) {
      const gone = child.exitCode === null && child.signalCode === null ? once(child, 'exit') : undefined;
      process.kill(-child.pid, 'SIGTERM');
      await gone;
    }
    rmSync(folder, { recursive: true });
  }
});
