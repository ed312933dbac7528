// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { openDescriptors } from '../sys/index.ts';
import { Player } from './testing/player.ts';
import { type CodecRig, makeRig } from './testing/rig.ts';
import { codedUnits } from './testing/streams.ts';

const path = fileURLToPath(new URL('../../fixtures/h264-b-frames.h264', import.meta.url));
const units = codedUnits('h264', readFileSync(path));
const md5s = readFileSync(`${path}.md5`, 'latin1').trim().split('\n');
const many = Array.from({ length: 40 }, () => units).flat();

function kill(rig: CodecRig): void {
  if (rig.host.pid === undefined) throw new TypeError('there is no process');
  process.kill(rig.host.pid, 'SIGKILL');
}

/** Ids of the processes that were started, as the log has them: of what waits for the codec process, where there is such. */
const started = (rig: CodecRig): number[] =>
  rig.log.filter(({ message }) => message === 'child process started').map(({ fields }) => (fields as { pid: number }).pid);

const alive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

describe('a codec process that dies', () => {
  it('fails its streams once, writes nothing any more, and the next stream is decoded by its successor', async () => {
    await using rig = makeRig();
    await using player = new Player(rig, 'h264');
    const playing = player.play(many);
    await player.until(() => player.pictures.length > 10);
    const first = rig.host.pid;
    kill(rig);
    await expect(playing).rejects.toThrow(/died: signal SIGKILL/);
    const { length } = player.events;
    expect(player.events.filter(({ kind }) => kind === 'failed')).toHaveLength(1);
    // Whatever is asked of it now is harmless.
    await player.decoder.flush();
    await player.decoder.recall();
    player.decoder.drain();
    await player.decoder.close();
    await using next = new Player(rig, 'h264');
    await next.play(units);
    expect(next.pictures.map(({ md5 }) => md5)).toEqual(md5s);
    expect(rig.host.pid).not.toBe(first);
    expect(player.events).toHaveLength(length);
  });

  it('leaves the streams of another guest alone', async () => {
    await using doomed = makeRig();
    await using other = makeRig();
    await using victim = new Player(doomed, 'h264');
    await using player = new Player(other, 'h264');
    const dying = victim.play(many);
    const playing = player.play([...units, ...units]);
    await victim.until(() => victim.pictures.length > 5);
    kill(doomed);
    await expect(dying).rejects.toThrow(/died/);
    await playing;
    expect(player.pictures.map(({ md5 }) => md5)).toEqual([...md5s, ...md5s]);
  });

  it('leaves no flush, recall or close without an answer', async () => {
    await using rig = makeRig();
    for (const act of ['flush', 'recall', 'close'] as const) {
      await using player = new Player(rig, 'h264', { hash: false });
      const playing = player.play(many);
      await player.until(() => player.pictures.length > 3);
      const asked = player.decoder[act]();
      kill(rig);
      await asked;
      if (act !== 'close') await expect(playing).rejects.toThrow(/died/);
      else playing.catch(() => {});
    }
  });

  it('is started again after growing waits when it keeps dying, and streams are taken all the same', async () => {
    await using rig = makeRig();
    for (let round = 0; round < 3; round += 1) {
      await using player = new Player(rig, 'h264');
      await player.send(units[0] ?? Buffer.alloc(0));
      await player.until(() => player.formats.length > 0);
      kill(rig);
      await player.until(() => player.events.some(({ kind }) => kind === 'failed'));
    }
    const waits = rig.log
      .filter(({ message }) => message === 'a child process died')
      .map(({ fields }) => (fields as { restartIn: number }).restartIn);
    expect(waits).toEqual([0, 100, 200]);
    await using player = new Player(rig, 'h264');
    await player.play(units);
    expect(player.pictures).toHaveLength(units.length);
  });

  it('is killed when it does not confirm a flush in time', async () => {
    await using rig = makeRig();
    await using player = new Player(rig, 'h264');
    await player.send(units[0] ?? Buffer.alloc(0));
    await player.until(() => player.formats.length > 0);
    process.kill(rig.host.pid ?? 0, 'SIGSTOP');
    // A stopped process confirms nothing: that this ends at all is its death.
    await player.decoder.flush();
    await player.until(() => player.events.some(({ kind }) => kind === 'failed'));
    expect(player.events.at(-1)).toMatchObject({
      kind: 'failed',
      reason: expect.stringMatching(/did not confirm the \w+ of stream 1 within 4000 ms/),
    });
  });

  it('is replaced when it hangs although it has units and room for pictures', async () => {
    await using rig = makeRig({ silence: 3000 });
    await using player = new Player(rig, 'h264');
    const playing = player.play(many);
    await player.until(() => player.pictures.length > 10);
    const { pid } = rig.host;
    process.kill(pid ?? 0, 'SIGSTOP');
    await expect(playing).rejects.toThrow(/it had work and said nothing for 3 s/);
    await expect.poll(() => rig.host.pid !== undefined && rig.host.pid !== pid).toBe(true);
  });

  it.each([
    ['twice', /says ready a second time/],
    ['early', /says pong before it is ready/],
  ])('is killed when it says that it is ready %s', async (argument, reason) => {
    const script = new URL('./testing/unruly-codec.ts', import.meta.url);
    await using rig = makeRig({ program: { script, args: [argument] } });
    const died = (): object[] => rig.log.filter(({ level }) => level === 'warn').map(({ fields }) => fields);
    await expect.poll(() => died().length).toBeGreaterThan(0);
    expect(died()[0]).toMatchObject({ reason: expect.stringMatching(reason) });
  });

  it('leaves no process and no descriptor behind when its host is closed, in whatever state', async () => {
    const before = openDescriptors();
    for (let round = 0; round < 4; round += 1) {
      const rig = makeRig();
      const pids = started(rig);
      expect(pids).toHaveLength(1);
      if (round === 1) process.kill(pids[0] ?? 0, 'SIGKILL');
      if (round >= 2) {
        const player = new Player(rig, 'h264');
        const playing = player.play(many);
        await player.until(() => player.pictures.length > 2);
        pids.push(rig.host.pid ?? expect.unreachable('it decodes'));
        await rig[Symbol.asyncDispose]();
        await expect(playing).rejects.toThrow(/closed/);
        await player[Symbol.asyncDispose]();
      } else {
        await rig[Symbol.asyncDispose]();
      }
      expect(pids.filter(alive)).toEqual([]);
      expect(rig.host.factory.create('h264', {} as never)).toBeUndefined();
    }
    // libuv closes the pipes of a dead child a little later.
    await expect.poll(openDescriptors).toBe(before);
  });

  it('refuses streams beyond its limit', async () => {
    await using rig = makeRig({ maxStreams: 2 });
    await using first = new Player(rig, 'h264');
    await using second = new Player(rig, 'vp8');
    expect(() => new Player(rig, 'h264')).toThrow(/no decoder/);
    await second.decoder.close();
    await using third = new Player(rig, 'h264');
    await third.play(units);
    expect(first.pictures).toEqual([]);
  });
});

describe('the sandbox of a codec process', () => {
  it("denies new privileges, filters system calls, and leaves no core dumps and nothing of the daemon's environment", async () => {
    await using rig = makeRig();
    await using player = new Player(rig, 'h264');
    await player.play(units);
    const { pid } = rig.host;
    const status = readFileSync(`/proc/${pid}/status`, 'latin1');
    expect(status).toMatch(/^NoNewPrivs:\t1$/m);
    expect(status).toMatch(/^Seccomp:\t2$/m);
    expect(readFileSync(`/proc/${pid}/limits`, 'latin1')).toMatch(/^Max core file size +0 +0/m);
    expect(readFileSync(`/proc/${pid}/limits`, 'latin1')).toMatch(/^Max open files +32 +32/m);
  });
});

describe('a codec process that has not started yet', () => {
  it('keeps no seek and no close waiting, and decodes what came after them once it runs', async () => {
    await using rig = makeRig();
    const [pid = expect.unreachable('there is a process')] = started(rig);
    process.kill(pid, 'SIGSTOP');
    try {
      await using player = new Player(rig, 'h264');
      const closed = new Player(rig, 'h264');
      for (const unit of units.slice(0, 4)) {
        await player.send(unit);
        await closed.send(unit);
      }
      const answered = Promise.all([player.decoder.flush(), closed[Symbol.asyncDispose]()]).then(() => 'answered');
      expect(await Promise.race([answered, delay(50_000, 'it waits for the process')])).toBe('answered');
      player.forgetInputs();
      expect(rig.host.streams).toBe(1);
      // Sent again from the beginning: what was taken back would come twice.
      const playing = player.play(units);
      process.kill(pid, 'SIGCONT');
      await playing;
      expect(player.pictures.map(({ md5 }) => md5)).toEqual(md5s);
      expect(started(rig)).toEqual([pid]);
    } finally {
      process.kill(pid, 'SIGCONT');
    }
  });
});
