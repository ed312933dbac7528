// SPDX-License-Identifier: Apache-2.0
/**
 * Mutated streams, by codec, and mutated files, by container, through real daemons over their sockets: the daemon lives,
 * each buffer comes back once, and a neighbour, another guest, decodes a good stream right all the while. That a codec
 * process dies is allowed, and counted.
 *
 *   npm run fuzz:media [-- --seed N --count 10000 --only streams|files|CODEC|CONTAINER --first N]
 *
 * The same seed and number make the same stream: a failure names both. One in twenty is a file, where both are asked for.
 */
import { parseArgs } from 'node:util';
import { Errno } from '@paravideo/core';
import { Random } from '@paravideo/core/testing';
import { descendants } from '../packages/host/src/cli/bench/process-memory.ts';
import { renderTable } from '../packages/host/src/cli/table.ts';
import { DaemonProcess } from '../packages/host/src/daemon/index.ts';
import { TempFolder } from '../packages/host/src/daemon/temp-folder.ts';
import { FuzzError } from './fuzz/fuzz-error.ts';
import { asGuest } from './fuzz/guest-connection.ts';
import { CONTAINER_NAMES, type Container, fuzzFiles, makeFiles } from './fuzz/media-files.ts';
import { FUZZED_CODECS, type FuzzedCodec, fuzzStream, goodStream } from './fuzz/media-streams.ts';

/** Guests that decode mutated streams at a time. */
const GUESTS = 3;
/** One in so many is a file. */
const FILES = 20;

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: String(Date.now() % 2 ** 31) },
    count: { type: 'string', default: '10000' },
    only: { type: 'string' },
    first: { type: 'string', default: '0' },
  },
});
const seed = number('seed', values.seed);
const count = number('count', values.count);
const first = number('first', values.first);
const only = values.only;
const codecs = FUZZED_CODECS.filter((name) => only === undefined || only === 'streams' || name === only);
const containers = CONTAINER_NAMES.filter((name) => only === undefined || only === 'files' || name === only);
if (codecs.length + containers.length === 0)
  usage(`--only ${only}: give one of ${['streams', 'files', ...FUZZED_CODECS, ...CONTAINER_NAMES].join(', ')}`);

const tally = new Map<string, Map<string, number>>();
let [done, neighbours, deaths] = [0, 0, 0];
const began = performance.now();
let told = began;

function tell(name: string, result: string): void {
  done += 1;
  const row = tally.get(name) ?? new Map<string, number>();
  tally.set(name, row);
  row.set(result, (row.get(result) ?? 0) + 1);
  if (performance.now() - told < 5000) return;
  told = performance.now();
  const bar = '#'.repeat(Math.min(30, Math.round((done / count) * 30))).padEnd(30, '.');
  const rate = (done / ((told - began) / 1000)).toFixed(1);
  console.log(`[${bar}] ${done} of ${count}, ${rate}/s; neighbours ${neighbours}, codec processes died ${deaths}`);
}

/** The random numbers of one stream, or of one set of files. */
const randomOf = (index: number): Random => new Random(seed + Math.imul(0x9e37_79b1, index));

async function streams(total: number): Promise<void> {
  await using daemon = await DaemonProcess.start([{ kind: 'decoder', name: 'decoder', sockets: GUESTS + 1, threads: 1 }]);
  const known = new Set<number>();
  let leaving = false;
  const countDeaths = (): void => {
    // The process of a guest that has gone ends too.
    if (leaving) return;
    const now = new Set(descendants(daemon.pid));
    for (const pid of known) if (!now.has(pid) && known.delete(pid)) deaths += 1;
    for (const pid of now) known.add(pid);
  };
  let next = first;
  let over = false;
  const errnoName = new Map<number, string>(Object.entries(Errno).map(([text, value]) => [value, text]));
  const guest = (socket: string): Promise<void> =>
    asGuest(socket, async (driver) => {
      while (!over && next < first + total) {
        const index = next;
        next += 1;
        const codec = codecs[index % codecs.length] as FuzzedCodec;
        try {
          const ending = await fuzzStream(driver, codec, randomOf(index));
          const errno = ending.kind === 'errno' ? (errnoName.get(ending.errno) ?? `errno ${ending.errno}`) : undefined;
          tell(codec, errno ?? (ending.kind === 'ended' && ending.pictures > 0 ? 'pictures' : 'none'));
          if (errno !== undefined || index % 20 === 0) countDeaths();
          // The next process is on its way.
          if (errno === 'EIO' || errno === 'EBUSY') await new Promise((resolve) => setTimeout(resolve, 200));
        } catch (error) {
          over = true;
          leaving = true;
          throw failure(error, index, codec, daemon);
        }
      }
      countDeaths();
      leaving = true;
    });
  const neighbour = asGuest(daemon.socket('decoder', GUESTS), async (driver) => {
    while (!over) {
      await goodStream(driver);
      neighbours += 1;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  });
  countDeaths();
  try {
    await Promise.race([
      Promise.all(Array.from({ length: GUESTS }, (_, i) => guest(daemon.socket('decoder', i)))),
      neighbour.then(() => new Promise<never>(() => {})),
    ]);
  } finally {
    over = true;
  }
  await neighbour;
  if (!daemon.running) throw new FuzzError(`the daemon died: ${daemon.log}`);
  const status = await daemon.stop();
  if (status !== 0) throw new FuzzError(`the daemon ended with ${status}: ${daemon.log}`);
}

async function files(total: number): Promise<void> {
  using folder = new TempFolder();
  const all = makeFiles(folder.path);
  const good = new Map([...all].filter(([name]) => containers.includes(name)));
  for (let index = first; (index - first) * good.size < total; index += 1) {
    try {
      const results = await fuzzFiles(folder.path, good, randomOf(index));
      neighbours += 1;
      for (const [name, result] of results) tell(name, result);
    } catch (error) {
      throw failure(error, index, only === undefined ? (CONTAINER_NAMES[0] as Container) : only);
    }
  }
}

function failure(error: unknown, index: number, name: string, daemon?: DaemonProcess): Error {
  const lives = daemon === undefined || daemon.running ? '' : `; the daemon is dead: ${daemon.log}`;
  console.error(`failed at number ${index} (${name})${lives}`);
  console.error(
    `again: npm run fuzz:media -- --seed ${seed} --first ${index} --count ${GUESTS}${only === undefined ? '' : ` --only ${only}`}`,
  );
  return error instanceof Error ? error : new FuzzError(String(error));
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

console.log(`seed ${seed}, ${count} streams and files`);
const fileCount = codecs.length === 0 ? count : containers.length === 0 ? 0 : Math.floor(count / FILES);
try {
  if (count > fileCount) await streams(count - fileCount);
  if (fileCount > 0) await files(fileCount);
} catch (error) {
  console.error(error instanceof Error ? error.stack : error);
  process.exit(1);
}
const rows = [...tally].map(([name, row]) => [
  name,
  String([...row.values()].reduce((sum, n) => sum + n, 0)),
  [...row].map(([result, n]) => `${result} ${n}`).join(', '),
]);
console.log(renderTable(['of', 'count', 'ended with'], rows));
console.log(
  `${done} in ${((performance.now() - began) / 1000).toFixed(0)} s: the daemon lives, each buffer came back once, ${neighbours} times a ` +
    `neighbour's pictures were right; ${deaths} codec processes died. Seed ${seed}.`,
);
