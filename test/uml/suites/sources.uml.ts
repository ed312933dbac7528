// SPDX-License-Identifier: Apache-2.0
/** A camera of each kind of source, as the compliance tool sees it in one Linux guest. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DaemonProcess, type DeviceInput } from '../../../packages/host/src/daemon/index.ts';
import { Film, StreamServer } from '../../../packages/host/src/sources/live-stream/testing/stream-server.ts';
import { PRODUCER } from '../../../packages/host/src/sources/raw-frames/testing/kinds.ts';
import { awaitScript } from '../../vm/harness/index.ts';
import { REPOSITORY } from '../../vm/lab/index.ts';
import { UmlHost } from '../harness/index.ts';
import { expectCompliance } from './compliance.ts';
import { videoNodes } from './nodes.ts';

const SIZE = '320x240';
const INTERVAL = '33';
const KINDS = ['pattern', 'film', 'slides', 'graph', 'stream', 'fifo', 'socket', 'command', 'choice', 'away'] as const;

describe('a camera in User-mode Linux as a guest', () => {
  const folder = mkdtempSync(join(tmpdir(), 'paravideo-sources-'));
  const programs: ChildProcess[] = [];
  const film = new Film();
  const server = StreamServer.ofFilm(film);
  let daemon: DaemonProcess;
  let guest: UmlHost;

  beforeAll(async () => {
    const at = (name: string) => join(folder, name);
    const producer = ['--no-warnings', PRODUCER];
    await server.start();
    mkdirSync(at('slides'));
    const still = ['-f', 'lavfi', '-i', `testsrc=size=${SIZE}`, '-frames:v', '1', join(at('slides'), '1.png')];
    expect(spawnSync('ffmpeg', ['-v', 'error', ...still]).status).toBe(0);
    daemon = await DaemonProcess.start(
      KINDS.map((name): DeviceInput => ({ kind: 'camera', name, card: name, source: name })),
      {
        sources: {
          film: { file: join(REPOSITORY, 'packages/host/fixtures/h264-b-frames.h264') },
          slides: { slides: at('slides'), seconds: 1 },
          stream: { url: server.url() },
          choice: { choice: ['film', 'graph'] },
          away: { url: 'rtsp://127.0.0.1:9/', size: SIZE, fps: 30 },
          graph: { lavfi: `testsrc=size=${SIZE}:rate=30` },
          fifo: { fifo: at('fifo'), size: SIZE },
          socket: { socket: at('socket'), size: SIZE },
          command: { command: [process.execPath, ...producer, '-', 'y4m', SIZE, INTERVAL], size: SIZE },
        },
      },
    );
    for (const kind of ['fifo', 'socket']) {
      const args = [...producer, `${kind}:${at(kind)}`, 'y4m', SIZE, INTERVAL];
      programs.push(spawn(process.execPath, args, { stdio: 'ignore' }));
    }
    guest = await UmlHost.boot({ devices: KINDS.map((name) => daemon.socket(name)), modules: ['paravideo-media'] });
  });
  afterAll(async () => {
    await guest?.[Symbol.asyncDispose]();
    await daemon?.[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
    film[Symbol.dispose]();
    for (const program of programs) {
      if (program.exitCode !== null || program.signalCode !== null) continue;
      const ended = once(program, 'exit');
      program.kill('SIGKILL');
      await ended;
    }
    rmSync(folder, { recursive: true });
  });

  // at once: the tool spends nearly all of the time waiting
  it.concurrent.each(KINDS)('is found right by the compliance tool, streaming included: %s', async (kind) => {
    const node = (await videoNodes(guest, kind))[kind];
    expect(node).toBeDefined();
    // A source whose program is not there yet has no signal.
    const status = kind === 'away' ? '0x00000002' : '0x00000000';
    await guest.must(awaitScript(`v4l2-ctl -d ${node} --list-inputs | grep -q 'Status.*${status}'`));
    await expectCompliance(guest, node, '-s10', `${kind} over virtio_uml`);
  });
});
