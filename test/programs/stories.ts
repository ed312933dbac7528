// SPDX-License-Identifier: Apache-2.0
/** What happens to a program with a camera, told once for all programs. */
import { copyFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type CameraSetting, ProgramGuest } from './program-guest.ts';
import type { Mode, Program } from './programs.ts';
import { Running } from './running.ts';

/** What programs are asked to ask for: what none of them takes by itself. */
const OTHER: Mode = { width: 800, height: 600, rate: 15 };
/** Milliseconds without a frame, and in which a program that is told of a loss may make up its mind. */
const HELD_UP = 3000;

const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));
const said = ({ width, height, format, rate }: CameraSetting): string => `${width}x${height} ${format} at ${rate}`;

/** Where pictures are kept that somebody wants to look at: `PARAVIDEO_PICTURES`. */
function keep(guest: ProgramGuest, name: string): void {
  const folder = process.env.PARAVIDEO_PICTURES;
  if (folder === undefined) return;
  mkdirSync(folder, { recursive: true });
  copyFileSync(join(guest.uml.share, 'picture.png'), join(folder, `${name.replaceAll(/[^\w.-]+/g, '-')}.png`));
}

/** Tests of one program. `tree`: makes the root that has it; `screen`: whether it needs one. */
export function tellStories(program: Program, tree: () => Promise<string>, screen: boolean): void {
  const { name } = program;
  const start = async (fed: boolean): Promise<ProgramGuest> => await ProgramGuest.start({ tree: await tree(), screen, fed });

  describe(name, () => {
    it('shows moving pictures, by itself and of another size and rate, and closes', async () => {
      await using guest = await start(false);
      const [version] = (await guest.must(program.version)).split('\n');
      const first = new Running(guest, program);
      await first.begin();
      await first.moves(await first.shows());
      keep(guest, name);
      const own = await guest.setting();
      await first.close();

      const second = new Running(guest, program, OTHER);
      await second.begin();
      await second.moves(await second.shows());
      const other = await guest.setting();
      await second.close();
      console.log(`${name} | ${version} | by itself ${said(own)}, then ${said(other)}`);
      expect(other).toMatchObject({ width: OTHER.width, height: OTHER.height });
      if (program.rates !== false) expect(other.rate).toBe(OTHER.rate);
      // Whoever has closed has left the camera to others.
      await guest.uml.must('v4l2-ctl -d /dev/video0 --stream-mmap --stream-count=2');
    });

    it('goes on after a pause, works again after the camera was away, and closes when it is unplugged', async () => {
      await using guest = await start(true);
      let running = new Running(guest, program);
      await running.begin();
      await running.moves(await running.shows());

      guest.feeder.pause();
      await pause(HELD_UP);
      guest.feeder.resume();
      const paused = running.ended === undefined && (await running.goesOn());
      const afterPause = paused ? 'goes on' : 'is started again';

      await guest.feeder.end();
      await pause(HELD_UP);
      const stayed = running.ended === undefined;
      guest.feeder.begin();
      await pause(HELD_UP);
      const wentOn = running.ended === undefined && (await running.goesOn());
      const afterLoss = wentOn ? 'goes on' : stayed ? 'stays, is started again' : 'ends, is started again';
      let killed = false;
      if (!wentOn) {
        killed = await running.closeBereft();
        running = new Running(guest, program);
        await running.begin();
        await running.moves(await running.shows());
      }

      await guest.unplug();
      await pause(HELD_UP);
      const afterUnplug = running.ended === undefined ? 'stays, closes' : 'ends';
      killed = (await running.closeBereft()) || killed;
      const how = killed ? ' (is killed)' : '';
      console.log(`${name} | pause: ${afterPause} | away: ${afterLoss} | unplugged: ${afterUnplug}${how}`);
      expect(paused).toBe(true);
    });
  });
}
