// SPDX-License-Identifier: Apache-2.0
/** What becomes of a media file whose process dies, hangs or is slow. */
import { constants } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type PictureLayout, pictureLayout, V4L2_PIX_FMT_NV12 } from '@paravideo/core';
import { describe, expect, it } from 'vitest';
import { Backoff } from '../../isolation/child/index.ts';
import { Fd } from '../../sys/index.ts';
import { FramePool } from '../frame-pool.ts';
import { openFilm } from './film-file.ts';
import { MediaProcess } from './media-process.ts';

const FILM = fileURLToPath(new URL('../../../fixtures/av1.ivf', import.meta.url));
const OTHER = fileURLToPath(new URL('../../../fixtures/h264-b-frames.h264', import.meta.url));
const LAYOUT = pictureLayout(V4L2_PIX_FMT_NV12, 64, 48) as PictureLayout;

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // The end of the test was quicker.
  }
}

/** A film, a layout of it, and what the log was told: state, reason. */
class Rig implements AsyncDisposable {
  readonly pids: number[] = [];
  readonly told: string[] = [];
  readonly film: MediaProcess;
  readonly #pool = FramePool.create('media-process-test', LAYOUT, 1);
  #rendition: ReturnType<MediaProcess['open']> | undefined;
  #time = 0;

  constructor(o: { silence?: number; started?: (pid: number) => void } = {}) {
    const write = (fields: object, text: string): void => {
      this.told.push([text, (fields as { reason?: string }).reason].join(': '));
    };
    const debug = (fields: object): void => {
      const { pid } = fields as { pid: number };
      this.pids.push(pid);
      o.started?.(pid);
    };
    this.film = new MediaProcess({
      file: openFilm(FILM),
      fit: 'contain',
      log: { debug, info: write, warn: write, error: write },
      backoff: new Backoff({ first: 1, longest: 1 }),
      ...(o.silence === undefined ? {} : { silence: o.silence }),
    });
  }

  /** Whether a picture came of it. */
  async picture(): Promise<boolean> {
    this.#rendition ??= this.film.open(this.#pool);
    const slot = this.#pool.take() ?? expect.unreachable('the slot came back');
    this.#time += 40_000;
    const made = await this.#rendition.render(slot, { sequence: 0, timestamp: this.#time });
    slot.abandon();
    return made;
  }

  signal(name: NodeJS.Signals): void {
    process.kill(this.film.pid ?? expect.unreachable('a process was started'), name);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#rendition?.close();
    await this.film.close();
    this.#pool.close();
  }
}

describe('the process of a film', () => {
  it('comes back however often it dies without a picture, and the log tells each state', async () => {
    const most = 9;
    let deaths = 0;
    await using rig = new Rig({
      started: (pid) => {
        if (deaths > 0 && deaths < most) setTimeout(() => kill(pid), 1);
        if (deaths > 0) deaths += 1;
      },
    });
    expect(await rig.film.ready).toMatchObject({ still: 0 });
    expect(await rig.picture()).toBe(true);
    deaths = 1;
    rig.signal('SIGKILL');
    await expect.poll(() => rig.picture()).toBe(true);
    expect(rig.pids).toHaveLength(most + 1);
    expect(rig.told).toEqual([
      ...Array.from({ length: most }, () => 'a child process died: signal SIGKILL'),
      'a child process works again: ',
    ]);
  });

  it('shows another file when it is told to, and goes on with the one before if that is none, or it dies of it', async () => {
    await using rig = new Rig();
    const open = (path: string): Fd => Fd.open(path, constants.O_RDONLY);
    expect(await rig.film.ready).toMatchObject({ still: 0 });
    expect(await rig.film.show(open(fileURLToPath(import.meta.url)))).toMatch(/no film and no picture/);
    expect(await rig.picture()).toBe(true);
    expect(await rig.film.show(open(OTHER))).toMatchObject({ width: 320, height: 180 });
    expect(await rig.picture()).toBe(true);
    rig.signal('SIGSTOP');
    const dying = rig.film.show(open(FILM));
    rig.signal('SIGKILL');
    expect(await dying).toBe('its process died: signal SIGKILL');
    // The next process has the last that could be shown, and takes another as the first did.
    const next = await rig.film.show(open(FILM));
    await expect.poll(() => rig.picture()).toBe(true);
    expect([next, rig.pids.length]).toMatchObject([{ still: 0 }, 2]);
  });

  it('gives up, with the reason, if none of its lives opens the file', async () => {
    await using rig = new Rig({ started: (pid) => void setTimeout(() => kill(pid), 1) });
    expect(await rig.film.ready).toMatch(/keeps dying: signal SIGKILL/);
  });

  it('may take its time for a picture', async () => {
    await using rig = new Rig();
    await rig.film.ready;
    expect(await rig.picture()).toBe(true);
    rig.signal('SIGSTOP');
    const slow = rig.picture();
    // It was once killed after 5 s.
    setTimeout(() => rig.signal('SIGCONT'), 6000);
    expect(await slow).toBe(true);
    expect(rig.pids).toHaveLength(1);
  });

  it('is replaced when it hangs over a picture', async () => {
    await using rig = new Rig({ silence: 3000 });
    await rig.film.ready;
    rig.signal('SIGSTOP');
    expect(await rig.picture()).toBe(false);
    expect(rig.told[0]).toMatch(/died: it had work and said nothing for 3 s/);
  });
});
