// SPDX-License-Identifier: Apache-2.0
/** Graphs of FFmpeg's filters as captures. */
import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { withLandlock } from '../../sys/testing/with-landlock.ts';
import { graphOrigin } from './graph-origin.ts';
import { screenOrigin } from './screen-origin.ts';
import { LiveRig } from './testing/live-rig.ts';
import { Film } from './testing/stream-server.ts';

describe('a graph of filters', () => {
  it('is a camera of its size and rate, with the frames that ffmpeg makes of it, in their own time', async () => {
    const graph = 'testsrc2=size=128x96:rate=25';
    await using live = new LiveRig();
    await live.open(graphOrigin(graph));
    await live.untilPresent();
    expect(live.capture.modes).toMatchObject({
      defaultSize: { width: 128, height: 96 },
      defaultInterval: { numerator: 1, denominator: 25 },
    });
    live.stream();
    await live.untilFrames(30);
    const args = ['-v', 'error', '-f', 'lavfi', '-i', graph, '-t', '60', '-pix_fmt', 'yuv420p', '-f', 'framemd5', '-'];
    const { stdout } = spawnSync('ffmpeg', args, { encoding: 'utf8', maxBuffer: 1 << 26 });
    const known = new Set(stdout.split('\n').map((line) => line.split(',').at(-1)?.trim() ?? ''));
    expect(live.taken.filter(({ md5 }) => !known.has(md5))).toEqual([]);
    const [first, last] = [live.taken[0], live.taken[29]];
    if (first === undefined || last === undefined) throw new TypeError('no frames');
    // A machine that is too slow makes it later, and nothing makes it earlier.
    expect((last.timestamp - first.timestamp) / 40_000).toBeGreaterThan(last.sequence - first.sequence - 0.1);
  });

  it('reads no file, and says that it cannot be had', async () => {
    using film = new Film();
    const graph = `movie=${film.path}`;
    const args = ['-v', 'error', '-f', 'lavfi', '-i', graph, '-frames:v', '1', '-f', 'null', '-'];
    expect(spawnSync('ffmpeg', args).status).toBe(0);
    await using live = new LiveRig();
    await live.open(graphOrigin(graph));
    await live.until(() => live.told.some((line) => line.startsWith('a live stream is not there')));
    expect(live.capture.absent).toBeDefined();
  });
});

describe('a screen', () => {
  it.each(['host:0', '0', ':0+1,2', ':0.0 -x', ''])('is one of this machine: %j is none', (screen) => {
    expect(() => screenOrigin({ screen })).toThrow('is no display of this machine');
  });

  it.runIf(withLandlock)('that is not there is absent, with the reason', async () => {
    await using live = new LiveRig();
    await live.open(screenOrigin({ screen: ':59999' }));
    await live.until(() => live.capture.absent !== 'it was not looked for yet');
    expect(live.capture.absent).toContain('EIO');
  });
});
