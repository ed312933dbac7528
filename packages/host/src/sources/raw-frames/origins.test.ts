// SPDX-License-Identifier: Apache-2.0
import { spawnSync } from 'node:child_process';
import { existsSync, lstatSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pictureLayout, SharedSource, SourceError, V4L2_PIX_FMT_YUV420, type WantedFrames } from '@paravideo/core';
import { describe, expect, it } from 'vitest';
import { LinuxClock } from '../../clock/index.ts';
import { connectUnix, eventfd, hungUp, openDescriptors, send } from '../../sys/index.ts';
import { CommandOrigin } from './command-origin.ts';
import { RawCapture } from './raw-capture.ts';
import { expectedPicture } from './raw-settings.ts';
import { KINDS, KindRig, processesOf, untilPresent } from './testing/kinds.ts';
import { CopyingConsumer } from './testing/raw-rig.ts';
import { pixels, y4mFrame, y4mHeader } from './testing/streams.ts';
import { Y4mReader } from './y4m-reader.ts';

function wanted(source: SharedSource): WantedFrames {
  const { defaultSize, defaultInterval } = source.capabilities;
  const layout = pictureLayout(V4L2_PIX_FMT_YUV420, defaultSize.width, defaultSize.height);
  if (layout === undefined) throw new TypeError('no layout');
  return { layout, interval: defaultInterval };
}

describe.each(KINDS)('a %s of raw frames', (kind) => {
  it('brings frames, and leaves neither descriptors nor processes nor files', async () => {
    const before = openDescriptors();
    {
      await using rig = new KindRig(kind);
      const source = await rig.open({ size: '64x48' });
      rig.produce();
      await untilPresent(source);
      const consumer = new CopyingConsumer();
      using _stream = source.start(wanted(source), consumer);
      await consumer.until(5);
      // Each byte of a frame is its number.
      for (const { bytes } of consumer.frames) expect(new Set(bytes).size).toBe(1);
      expect(consumer.frames[0]?.bytes.length).toBe(64 * 48 * 1.5);
      await source[Symbol.asyncDispose]();
      expect(existsSync(rig.path)).toBe(false);
      await expect.poll(() => processesOf(`${rig.folder} `)).toEqual([]);
    }
    await expect.poll(openDescriptors).toBe(before);
  });

  it('is not there when its producer has gone, and is again with the next, of another size', async () => {
    await using rig = new KindRig(kind);
    // A command's second life is another: it looks whether there was a first.
    const mark = join(rig.folder, 'lived');
    const script = `if [ -e ${mark} ]; then exec "$@"; fi; : >${mark}; exit 4`;
    const source = await rig.open({ size: '64x48' }, ['/bin/sh', '-c', script, 'sh', ...rig.command('y4m', '96x64')]);
    rig.produce('y4m', '64x48', 5, 3);
    await untilPresent(source);
    const first = new CopyingConsumer();
    source.start(wanted(source), first);
    while (first.lostFor.length === 0) await first.changed();
    expect(source.presence.kind).toBe('lost');
    if (kind === 'command') expect(first.lostFor).toEqual(['/bin/sh: exit code 4']);
    rig.produce('y4m', '96x64');
    await untilPresent(source);
    if (kind === 'command') source.start(wanted(source), new CopyingConsumer());
    while (source.capabilities.defaultSize.width !== 96) {
      const { promise, resolve } = Promise.withResolvers<void>();
      using _watching = source.watch(() => resolve());
      await promise;
    }
    const second = new CopyingConsumer();
    using _stream = source.start(wanted(source), second);
    await second.until(2);
    expect(second.frames[0]?.bytes.length).toBe(96 * 64 * 1.5);
  });

  it('ends a producer of garbage with one line, and takes the next', async () => {
    await using rig = new KindRig(kind);
    const mark = join(rig.folder, 'lived');
    const script = `if [ -e ${mark} ]; then exec "$@"; fi; : >${mark}; echo this is no picture at all; exec sleep 1000`;
    const source = await rig.open({ size: '64x48' }, ['/bin/sh', '-c', script, 'sh', ...rig.command('y4m')]);
    rig.produce('garbage');
    if (kind === 'command') source.start(wanted(source), new CopyingConsumer());
    const words = 'stands where \\"YUV4MPEG2\\" has to: send YUV4MPEG2';
    await rig.line(words);
    expect(rig.told.filter((line) => line.includes(words))).toHaveLength(1);
    // Who opens a FIFO waits for somebody who reads it.
    const next = rig.told.length;
    rig.produce('y4m');
    if (kind !== 'command') return void (await rig.line('raw frames come', next));
    await untilPresent(source);
    const consumer = new CopyingConsumer();
    using _stream = source.start(wanted(source), consumer);
    await consumer.until(1);
  });
});

describe('a FIFO of raw frames', () => {
  it('without a writer keeps nobody waiting: neither the start nor the end', async () => {
    await using rig = new KindRig('fifo');
    const source = await rig.open();
    expect(source.presence).toEqual({ kind: 'absent', reason: `nobody has written to ${rig.path} yet` });
    expect([lstatSync(rig.path).isFIFO(), lstatSync(rig.path).mode & 0o777]).toEqual([true, 0o600]);
    await source[Symbol.asyncDispose]();
    expect(existsSync(rig.path)).toBe(false);
  });

  it('that was there before stays', async () => {
    await using rig = new KindRig('fifo');
    expect(spawnSync('mkfifo', [rig.path]).status).toBe(0);
    await (await rig.open())[Symbol.asyncDispose]();
    expect(lstatSync(rig.path).isFIFO()).toBe(true);
  });

  it('is refused where something else lies, or nothing can', async () => {
    await using rig = new KindRig('fifo');
    writeFileSync(rig.path, '');
    await expect(async () => rig.open()).rejects.toThrow(`${rig.path} is no FIFO: remove it`);
    await using other = new KindRig('fifo');
    mkdirSync(other.path);
    await expect(async () => other.open()).rejects.toThrow(SourceError);
  });

  it('survives writers that come and go without a word', async () => {
    await using rig = new KindRig('fifo');
    const source = await rig.open();
    for (let i = 0; i < 5; i++) expect(spawnSync('/bin/sh', ['-c', `: >${rig.path}`], { timeout: 20_000 }).status).toBe(0);
    rig.produce();
    await untilPresent(source);
  });
});

describe('a socket of raw frames', () => {
  it('has one producer at a time, and tells of a second one that it was turned away', async () => {
    await using rig = new KindRig('socket');
    const source = await rig.open();
    const first = connectUnix(rig.path);
    send(first, y4mHeader(64, 48));
    await untilPresent(source);
    const second = connectUnix(rig.path);
    await rig.line('a second producer was turned away');
    expect([hungUp(first), hungUp(second)]).toEqual([false, true]);
    first.close();
    await untilPresent(source, false);
    const third = connectUnix(rig.path);
    send(third, y4mHeader(64, 48));
    await untilPresent(source);
    for (const fd of [second, third]) fd.close();
  });

  it('gives the place of a producer that has said nothing to another', async () => {
    await using rig = new KindRig('socket');
    const source = await rig.open();
    using mute = connectUnix(rig.path);
    using other = connectUnix(rig.path);
    await rig.line('makes room for another');
    expect([hungUp(mute), hungUp(other)]).toEqual([true, false]);
    send(other, y4mHeader(64, 48));
    await untilPresent(source);
  });

  it('ends a producer that sends descriptors, and keeps none of them', async () => {
    await using rig = new KindRig('socket');
    await rig.open();
    using producer = connectUnix(rig.path);
    using bell = eventfd();
    const before = openDescriptors();
    send(producer, y4mHeader(64, 48), [bell, bell, bell]);
    expect(await rig.line('has to go')).toContain('it sent descriptors: send bytes alone');
    expect(openDescriptors()).toBeLessThanOrEqual(before);
  });

  it('is refused where somebody listens, or something else lies', async () => {
    await using rig = new KindRig('socket');
    await rig.open();
    await using second = new KindRig('socket');
    Object.defineProperty(second, 'path', { value: rig.path });
    await expect(async () => second.open()).rejects.toThrow('somebody listens at');
    await using third = new KindRig('socket');
    writeFileSync(third.path, '');
    await expect(async () => third.open()).rejects.toThrow('exists and is no socket');
  });
});

describe('a command of raw frames', () => {
  /** Ends when the camera is not there, with the reason. */
  async function lost(source: SharedSource): Promise<string> {
    const consumer = new CopyingConsumer();
    source.start(wanted(source), consumer);
    while (consumer.lostFor.length === 0) await consumer.changed();
    return consumer.lostFor[0] ?? '';
  }

  it('runs while somebody streams, and once for all', async () => {
    await using rig = new KindRig('command');
    const source = await rig.open({ size: '64x48' }, [
      '/bin/sh',
      '-c',
      `exec "$@" # ${rig.folder} x`,
      'sh',
      ...rig.command('y4m'),
    ]);
    const starts = (): number => rig.told.filter((line) => line.startsWith('a command was started')).length;
    expect([source.presence.kind, starts()]).toEqual(['present', 0]);
    const [a, b] = [new CopyingConsumer(), new CopyingConsumer()];
    const streams = [source.start(wanted(source), a), source.start(wanted(source), b)];
    await Promise.all([a.until(2), b.until(2)]);
    for (const stream of streams) stream[Symbol.dispose]();
    // It goes on for a moment, for whoever begins anew.
    using _again = source.start(wanted(source), a);
    await a.until(a.frames.length + 2);
    expect(starts()).toBe(1);
  });

  it.each([
    ['exits at once', ['/bin/sh', '-c', 'exit 3'], 'exit code 3'],
    ['does not exist', ['/no/such/program', 'x'], 'there is no program /no/such/program'],
    ['is no program', ['/etc/passwd'], '/etc/passwd cannot be run'],
    ['dies of a signal', ['/bin/sh', '-c', 'kill -SEGV $$'], 'signal 11'],
    ['writes nothing and closes its output', ['/bin/sh', '-c', 'exec >&-; exec sleep 1000'], 'signal 15'],
  ])('that %s is absent with the reason, and there again after a pause', async (_title, command, reason) => {
    await using rig = new KindRig('command');
    const source = await rig.open({}, command);
    expect(await lost(source)).toContain(reason);
    const line = await rig.line('a command that brings raw frames ended');
    expect(line).toContain(reason);
    expect(line).toContain('"restartIn":1000');
    await untilPresent(source);
    expect(await lost(source)).toContain(reason);
  });

  it('that ignores SIGTERM is killed, with all that it started', async () => {
    await using rig = new KindRig('command');
    const script = `trap "" TERM; sleep 1000 & sh -c 'trap "" TERM; sleep 1000; : ${rig.folder} x' & "$@"; sleep 1000; : ${rig.folder} x`;
    const source = await rig.open({ size: '64x48' }, ['/bin/sh', '-c', script, 'sh', ...rig.command('y4m')]);
    const consumer = new CopyingConsumer();
    source.start(wanted(source), consumer);
    await consumer.until(1);
    expect(processesOf(`${rig.folder} `).length).toBeGreaterThan(1);
    await source[Symbol.asyncDispose]();
    await expect.poll(() => processesOf(`${rig.folder} `)).toEqual([]);
  });

  it('that ends after its frames is started again under the stream that there is', async () => {
    await using rig = new KindRig('command');
    const source = await rig.open({ size: '64x48' }, rig.command('y4m', '64x48', 1, 3));
    const consumer = new CopyingConsumer();
    using _stream = source.start(wanted(source), consumer);
    await consumer.until(9);
    expect(consumer.lostFor).toEqual([]);
    const sequences = consumer.frames.map(({ sequence }) => sequence);
    expect(sequences).toEqual(sequences.toSorted((a, b) => a - b));
    expect(rig.told.filter((line) => line.startsWith('a command was started')).length).toBeGreaterThanOrEqual(3);
  });

  it('has its standard error in the log, no more of it than the limit, and none of our descriptors', async () => {
    await using rig = new KindRig('command');
    const out = join(rig.folder, 'seen');
    using bell = eventfd();
    const script = `ls -l /proc/self/fd >${out}; yes noise | head -c 1000000 >&2; exit 5`;
    const source = await rig.open({}, ['/bin/sh', '-c', script]);
    expect(await lost(source)).toContain('exit code 5');
    expect(bell.open).toBe(true);
    const seen = readFileSync(out, 'latin1')
      .split('\n')
      .flatMap((line) => / (\d+) -> (.*)/.exec(line)?.slice(1, 3).join(' ') ?? []);
    // Nothing, the pipes, and what ls opened itself.
    expect(seen.map((line) => line.replace(/pipe:.*/, 'pipe').replace(/\/proc\/.*/, 'proc'))).toEqual([
      '0 /dev/null',
      `1 ${out}`,
      '2 pipe',
      '3 proc',
    ]);
    const logged = rig.told.filter((line) => line.startsWith('a command wrote to stderr')).join('');
    expect(logged).toContain('noise');
    expect(logged.length).toBeLessThan(6000);
  });

  it('with keep runs before anybody streams, so that the camera is what its frames are', async () => {
    await using rig = new KindRig('command');
    const source = await rig.open({ keep: true }, rig.command('y4m', '96x64'));
    expect(source.presence.kind).toBe('absent');
    await untilPresent(source);
    expect(source.capabilities.defaultSize).toEqual({ width: 96, height: 64 });
  });

  it('leaks nothing in 200 starts', async () => {
    await using rig = new KindRig('command');
    const stream = join(rig.folder, 'stream');
    writeFileSync(stream, Buffer.concat([y4mHeader(64, 48), y4mFrame(pixels(64 * 48 * 1.5, 1))]));
    const expected = expectedPicture({ size: '64x48' });
    const command = ['/bin/sh', '-c', `cat ${stream}; exec sleep 1000 # ${rig.folder} x`];
    await using source = new SharedSource(
      new RawCapture({
        card: 'Many',
        expected,
        reader: () => new Y4mReader(expected.interval),
        lossless: false,
        clock: new LinuxClock(),
        log: rig.log,
        absent: undefined,
        origin: (host) => new CommandOrigin({ command, folder: rig.folder, keep: false, linger: 0 }, host),
      }),
    );
    let [descriptors, resident] = [0, 0];
    const seen = new CopyingConsumer();
    for (let i = 0; i < 200; i++) {
      const before = rig.told.length;
      const running = source.start(wanted(source), seen);
      await seen.until(i + 1);
      running[Symbol.dispose]();
      await rig.line('a command is stopped', before);
      if (i === 20) [descriptors, resident] = [openDescriptors(), process.memoryUsage().rss];
    }
    await source[Symbol.asyncDispose]();
    expect(rig.told.filter((line) => line.startsWith('a command was started'))).toHaveLength(200);
    await expect.poll(() => processesOf(`${rig.folder} `)).toEqual([]);
    expect(openDescriptors()).toBeLessThanOrEqual(descriptors);
    expect(process.memoryUsage().rss - resident).toBeLessThan(100 * 2 ** 20);
  });
});
