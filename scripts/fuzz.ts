// SPDX-License-Identifier: Apache-2.0
/**
 * Random chains and payloads, a million and more, against the rings and the devices:
 * nothing crashes, nothing hangs, every chain comes back once, no answer holds an address of the host or a byte of
 * another guest, no used length is beyond the writable part. Each buffer comes back once; while the rings are stopped no byte of
 * the guest changes; one wake-up takes no more commands than its budget, and what waits (events, commands, buffers) has its cap;
 * a size becomes the nearest of the list; the timestamp of PREPARE_BUF is stored nowhere.
 *
 *   node scripts/fuzz.ts [--seed N] [--count N] [--only rings|capture|capture-multi|decoder|encoder] [--world N] [--table]
 *
 * `--table` shows what each ioctl was answered: whether the random commands get anywhere.
 * The same seed and count make the same run. On a failure it prints what to run again, and exits with 1.
 */
import { parseArgs } from 'node:util';
import { Errno, IOCTLS } from '@paravideo/core';
import { HostileRing, Random } from '@paravideo/core/testing';
import { type DeviceKind, KINDS } from './fuzz/device-kinds.ts';
import { FuzzGuest } from './fuzz/guest.ts';

/** What the memory of each guest is filled with. */
const MARKERS = ['<guest-A', '<guest-B'].map((text) => Uint8Array.from(text, (char) => char.charCodeAt(0)));
/** Rounds of one world before a new one is made, from a seed of its own: a failure repeats one world, not the whole run. */
const ROUNDS = 1500;
const WORLDS = ['rings', ...KINDS.map((kind) => kind.name)];

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: String(Date.now() % 2 ** 31) },
    count: { type: 'string', default: '1000000' },
    only: { type: 'string' },
    world: { type: 'string' },
    table: { type: 'boolean', default: false },
  },
});
const seed = number('seed', values.seed);
const count = number('count', values.count);
if (values.only !== undefined && !WORLDS.includes(values.only)) usage(`--only ${values.only}: give one of ${WORLDS.join(', ')}`);

interface Totals {
  chains: number;
  broken: number;
  events: number;
  answers: number;
  /** answers with status 0 */
  good: number;
  /** buffers that came back */
  buffers: number;
  pauses: number;
  milliseconds: number;
  /** times of each status, by ioctl */
  readonly ioctls: Map<number, Map<number, number>>;
}

const totals = new Map<string, Totals>(
  WORLDS.map((name) => [
    name,
    { chains: 0, broken: 0, events: 0, answers: 0, good: 0, buffers: 0, pauses: 0, milliseconds: 0, ioctls: new Map() },
  ]),
);

/** Runs one world to its end; adds to the totals. Throws for what went wrong, with the round in `at`. */
async function world(name: string, index: number, at: { round: number }): Promise<void> {
  const sum = totals.get(name) as Totals;
  const began = performance.now();
  const random = new Random(seed + 0x9e37_79b1 * index);
  if (name === 'rings') {
    const ring = new HostileRing(random);
    for (at.round = 0; at.round < ROUNDS; at.round++) ring.step();
    sum.chains += ring.chains;
    sum.broken += ring.broken;
  } else {
    const kind = KINDS.find((one) => one.name === name) as DeviceKind;
    const guests = MARKERS.map(
      (marker) =>
        new FuzzGuest(
          kind,
          random,
          marker,
          MARKERS.filter((other) => other !== marker),
        ),
    );
    for (at.round = 0; at.round < ROUNDS; at.round++) await (guests[at.round % guests.length] as FuzzGuest).step();
    for (const guest of guests) {
      await guest.close();
      sum.chains += guest.commands;
      sum.broken += guest.broken;
      sum.events += guest.eventsSeen;
      sum.buffers += guest.returned;
      sum.pauses += guest.pauses;
      for (const [code, row] of guest.ioctls) {
        const whole = sum.ioctls.get(code) ?? new Map<number, number>();
        sum.ioctls.set(code, whole);
        for (const [status, times] of row) whole.set(status, (whole.get(status) ?? 0) + times);
      }
      for (const [status, times] of guest.statuses) {
        sum.answers += times;
        if (status === 0) sum.good += times;
      }
    }
  }
  sum.milliseconds += performance.now() - began;
}

async function main(): Promise<void> {
  console.log(`seed ${seed}, ${count} chains`);
  const names = values.only === undefined ? WORLDS : [values.only];
  const first = values.world === undefined ? 0 : number('world', values.world);
  const began = performance.now();
  let told = began;
  for (let index = first; chains() < count; index++) {
    // The rings are much faster: they take turns with the devices by chains, half and half.
    const rings = names.length > 1 && (totals.get('rings') as Totals).chains * 2 <= chains();
    const devices = names.filter((name) => name !== 'rings');
    const name =
      values.world !== undefined || names.length === 1
        ? (names[0] as string)
        : rings
          ? 'rings'
          : (devices.sort(fewest)[0] as string);
    const at = { round: 0 };
    try {
      await world(name, index, at);
    } catch (error) {
      console.error(`failed in world ${index} (${name}), round ${at.round}: ${error instanceof Error ? error.stack : error}`);
      console.error(`again: node scripts/fuzz.ts --seed ${seed} --only ${name} --world ${index}`);
      process.exit(1);
    }
    if (values.world !== undefined) break;
    if (performance.now() - told > 2000) {
      told = performance.now();
      progress(told - began);
    }
  }
  report(performance.now() - began);
}

function fewest(a: string, b: string): number {
  return (totals.get(a)?.chains ?? 0) - (totals.get(b)?.chains ?? 0);
}

function chains(): number {
  let sum = 0;
  for (const one of totals.values()) sum += one.chains;
  return sum;
}

function progress(milliseconds: number): void {
  const done = Math.min(1, chains() / count);
  const bar = '#'.repeat(Math.round(done * 30)).padEnd(30, '.');
  const rate = Math.round(chains() / (milliseconds / 1000));
  console.log(`[${bar}] ${String(Math.round(done * 100)).padStart(3)} %  ${chains()} chains, ${rate}/s`);
}

function report(milliseconds: number): void {
  for (const [name, sum] of totals) {
    if (sum.chains === 0) continue;
    const rate = Math.round(sum.chains / (sum.milliseconds / 1000));
    const answers =
      name === 'rings'
        ? ''
        : `, ${sum.answers} answers (${sum.good} of status 0), ${sum.events} events, ${sum.buffers} buffers back, ${sum.pauses} pauses`;
    console.log(`${name.padEnd(14)} ${sum.chains} chains, ${sum.broken} broken rings${answers}, ${rate}/s`);
  }
  if (values.table) for (const [name, sum] of totals) table(name, sum);
  console.log(
    `${chains()} chains in ${(milliseconds / 1000).toFixed(1)} s: no crash, no hang, every chain back once, nothing leaked. Seed ${seed}.`,
  );
}

function table(name: string, sum: Totals): void {
  const errno = new Map<number, string>(Object.entries(Errno).map(([text, value]) => [value, text]));
  for (const { nr, name: ioctl } of IOCTLS) {
    const row = [...(sum.ioctls.get(nr) ?? [])].sort(([a], [b]) => a - b);
    if (row.length === 0) continue;
    console.log(`${name} ${ioctl}: ${row.map(([status, times]) => `${errno.get(status) ?? 'ok'} ${times}`).join(', ')}`);
  }
}

function number(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0) usage(`--${name} ${text}: give a whole number`);
  return value;
}

function usage(message: string): never {
  console.error(message);
  process.exit(2);
}

await main();
