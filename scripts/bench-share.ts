// SPDX-License-Identifier: Apache-2.0
/**
 * One camera of 1080p30 and many guests: what each further one costs the daemon beside a copy of its frames, which frames they lose, and
 * whether guests that are stopped or slow take any from the others. docs/PERFORMANCE.md says how to read it.
 *
 *   npm run bench:share [-- --frames 900 --guests 1,2,4,8,16]
 */
import { loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { renderTable } from '../packages/host/src/cli/table.ts';
import type { Part } from './part.ts';
import { Crowd, type Measured } from './share/crowd.ts';
import type { Filmed } from './share/guest.ts';
import { ShareError } from './share/share-error.ts';

const { values } = parseArgs({
  options: { frames: { type: 'string', default: '900' }, guests: { type: 'string', default: '1,2,4,8,16' } },
});
const frames = Number(values.frames);
if (!(frames >= 30 && frames <= 9000)) throw new ShareError(`--frames ${values.frames}: from 30 to 9000`);
const counts = values.guests.split(',').map(Number);
if (!counts.every((count) => count >= 1 && count <= 64)) throw new ShareError(`--guests ${values.guests}: each from 1 to 64`);

/** What a further guest may cost, in copies of its frames. */
const GOAL = 1.1;
/** Of eight guests that share: as many are stopped, and one holds each frame for longer than the buffers of four frames last. */
const STOPPED = 2;
const HOLD = 200;
const OTHERS = 5;

const sum = (numbers: Iterable<number>): number => [...numbers].reduce((total, each) => total + each, 0);
const ms = (seconds: number): string => (1000 * seconds).toFixed(2);
const worst = (filmed: readonly Filmed[]): number => Math.max(...filmed.map(({ lost }) => lost));
const say = (text: string): void => void process.stderr.write(`${text}\n`);

const verdicts: string[] = [];
let missed = 0;
function judge(what: string, measured: string, met: boolean): void {
  if (!met) missed++;
  verdicts.push(`${met ? 'met' : 'missed'}: ${what} (${measured})`);
}

/** The daemon's time of one interval of the source. */
const perFrame = ({ threads }: Measured, intervals = frames): number => sum(threads.values()) / intervals;

/** What all guests but the first cost, for each frame that one of them got. */
function further(alone: Measured, all: Measured): number {
  const delivered = sum(all.filmed.slice(1).map((each) => each.frames));
  return (frames * (perFrame(all) - perFrame(alone))) / delivered;
}

async function curve(): Promise<number> {
  const rows: string[][] = [];
  let lostAlone = Number.NaN;
  for (const count of counts) {
    say(`${count} ${count === 1 ? 'guest' : 'guests'} …`);
    await using crowd = await Crowd.start(count);
    await crowd.add();
    // In the same daemon, right before: what is the same for one guest and for many is no cost of a further one.
    const alone = await crowd.measure(frames);
    if (count === 1) lostAlone = worst(alone.filmed);
    for (let i = 1; i < count; i++) await crowd.add();
    const all = count === 1 ? alone : await crowd.measure(frames);
    const cost = further(alone, all);
    const copies = cost / all.copy;
    if (count > 1)
      judge(`a further guest of ${count} costs at most ${GOAL} copies of its frames`, copies.toFixed(2), copies <= GOAL);
    rows.push([
      String(count),
      ms(perFrame(all)),
      ...(count === 1 ? ['', '', ''] : [ms(cost), ms(all.copy), copies.toFixed(2)]),
      String(worst(all.filmed)),
      String(sum(all.filmed.map(({ lost }) => lost))),
    ]);
  }
  const head = ['guests', 'daemon, ms a frame', 'a further guest, ms', 'a copy, ms', 'ratio', 'most lost by one', 'lost by all'];
  console.log(renderTable(head, rows));
  return lostAlone;
}

/** Eight guests, of which some are stopped or slow: what the others lose, and what the stopped ones get afterwards. */
async function unequal(lostAlone: number): Promise<void> {
  say('eight guests, two of them stopped, one slow …');
  await using crowd = await Crowd.start(OTHERS + STOPPED + 1);
  const others: Part[] = [];
  for (let i = 0; i < OTHERS; i++) others.push(await crowd.add());
  const stopped: Part[] = [];
  for (let i = 0; i < STOPPED; i++) stopped.push(await crowd.add());
  const slow = await crowd.add(HOLD);
  for (const guest of stopped) guest.freeze();
  const { filmed } = await crowd.measure(frames, [...others, slow]);
  for (const guest of stopped) guest.thaw();
  const after = await crowd.measure(30, stopped);
  const rows = filmed.map(({ frames: got, lost }, i) => [i < OTHERS ? 'like the one alone' : 'slow', String(got), String(lost)]);
  rows.push(...after.filmed.map(({ frames: got, lost }) => ['stopped, in the second after', String(got), String(lost)]));
  console.log(renderTable(['guest', 'frames', 'lost'], rows));
  const most = worst(filmed.slice(0, OTHERS));
  judge(
    'beside two that are stopped and one slow, none loses more than one alone',
    `${most}, alone ${lostAlone}`,
    most <= lostAlone,
  );
}

console.log(`${frames} frames of 1920x1080 NV12 at 30 a second; load ${loadavg()[0]?.toFixed(2)} before`);
const lostAlone = await curve();
if (!Number.isNaN(lostAlone)) await unequal(lostAlone);
console.log(verdicts.join('\n'));
process.exitCode = missed === 0 ? 0 : 1;
