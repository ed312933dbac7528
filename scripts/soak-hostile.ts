// SPDX-License-Identifier: Apache-2.0
/**
 * Half an hour among strangers: guests that behave come, film, decode, check every frame and go, beside attackers of every kind, chosen
 * by chance, against one daemon. Afterwards the daemon is alive, holds what it held before, and no guest that behaves missed anything.
 *
 *   npm run soak:hostile [-- --minutes 30 --seed N]
 */
import { parseArgs } from 'node:util';
import { Random } from '@paravideo/core/testing';
import { DaemonProcess, formatSize } from '../packages/host/src/daemon/index.ts';
import { ATTACKS } from './hostile/attacks.ts';
import type { Round } from './hostile/citizen.ts';
import { HostileError } from './hostile/hostile-error.ts';
import { Part } from './part.ts';
import { compareHoldings, type Holdings, holdings } from './soak/holdings.ts';

const { values } = parseArgs({ options: { minutes: { type: 'string', default: '30' }, seed: { type: 'string' } } });
const minutes = Number(values.minutes);
if (!(minutes > 0 && minutes <= 600)) throw new HostileError(`--minutes ${values.minutes}: more than 0, at most 600`);
const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31));
const random = new Random(seed);

/** Milliseconds that a guest that behaves may take for a round, on the busiest machine. */
const ROUND = 300_000;
/** Milliseconds that the daemon has to give back what it holds for guests that went. */
const SETTLED_WITHIN = 60_000;

/** Resident memory that the heap may come and go by, where guests ask for as much as they may. */
const SLACK = 64 << 20;

const CITIZENS = [
  ['camera', 'film', 'vhost-user', 0],
  ['camera', 'pci-film', 'vfio-user', 0],
  ['decoder', 'decode', 'vhost-user', 0],
  ['decoder', 'decode', 'vhost-user', 1],
] as const;

/** Lines of the log about the devices of guests that behave that are kept. */
const TOLD = 40;
const told: string[] = [];

const sum = { rounds: 0, right: 0, attacks: 0, faults: [] as string[] };
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function live(
  daemon: DaemonProcess,
  [kind, device, transport, index]: (typeof CITIZENS)[number],
  end: number,
): Promise<void> {
  const args = [kind, daemon.socket(device, index), transport, String(random.below(2 ** 31))];
  await using citizen = new Part(new URL('./hostile/citizen.ts', import.meta.url), args);
  if ((await citizen.line(ROUND)) === undefined) throw new HostileError(`a guest of ${device} did not start`);
  do {
    const answer = await citizen.ask('on', ROUND);
    const { right, faults }: Round = answer === undefined ? { right: 0, faults: ['no answer in time'] } : JSON.parse(answer);
    sum.rounds += 1;
    sum.right += right;
    for (const fault of faults) console.error(`FAIL ${device}: ${fault}`);
    sum.faults.push(...faults.map((fault) => `${device}: ${fault}`));
    if (answer === undefined) return;
  } while (performance.now() < end && daemon.running);
}

/** One attack, for so many milliseconds. */
async function strike(daemon: DaemonProcess, name: string, millis: number): Promise<void> {
  const targets = { camera: daemon.socket('hostile'), pci: daemon.socket('pci'), decoder: daemon.socket('hostile-decoder') };
  await using attacker = new Part(new URL('./hostile/attacker.ts', import.meta.url), [name, JSON.stringify(targets)]);
  await attacker.line(ROUND);
  await pause(millis);
}

async function attack(daemon: DaemonProcess, end: number): Promise<void> {
  while (performance.now() < end && daemon.running) {
    const { name } = random.pick(ATTACKS);
    await strike(daemon, name, Math.min(1000 * (1 + random.below(8)), Math.max(0, end - performance.now())));
    sum.attacks += 1;
  }
}

/** Once round for each guest and each attack, so that everything that is made once is made and the heap is as large as it gets. */
async function warmUp(daemon: DaemonProcess): Promise<void> {
  for (const each of CITIZENS) await live(daemon, each, 0);
  for (const { name } of ATTACKS) await strike(daemon, name, 2000);
}

async function settled(daemon: DaemonProcess, before: Holdings): Promise<Holdings> {
  const end = performance.now() + SETTLED_WITHIN;
  for (;;) {
    const now = holdings(daemon.pid);
    if ((now.fds <= before.fds && now.children <= before.children) || performance.now() > end) return now;
    await pause(500);
  }
}

console.log(`seed ${seed}, ${minutes} minutes`);
await using daemon = await DaemonProcess.start(
  [
    { kind: 'camera', name: 'film' },
    { kind: 'camera', name: 'pci-film', transport: 'vfio-user' },
    { kind: 'decoder', name: 'decode', sockets: 2 },
    { kind: 'camera', name: 'hostile', sizes: 'ranges' },
    { kind: 'camera', name: 'pci', transport: 'vfio-user' },
    { kind: 'decoder', name: 'hostile-decoder' },
  ],
  { log: 'warn' },
  (text) => {
    for (const line of text.split('\n')) if (CITIZENS.some(([, name]) => line.includes(`"device":"${name}"`))) told.push(line);
    told.splice(0, told.length - TOLD);
  },
);
await warmUp(daemon);
await pause(2000);
const before = holdings(daemon.pid);
const end = performance.now() + minutes * 60_000;
const shown = setInterval(() => {
  const left = Math.max(0, Math.round((end - performance.now()) / 60_000));
  console.error(
    `${left} min left: ${sum.rounds} rounds, ${sum.right} right, ${sum.attacks} attacks, ${sum.faults.length} faults, ${formatSize(holdings(daemon.pid).resident)}`,
  );
}, 60_000);
await Promise.all([...CITIZENS.map((each) => live(daemon, each, end)), attack(daemon, end)]);
clearInterval(shown);
const after = await settled(daemon, before);
const faults = [...sum.faults, ...compareHoldings(`${minutes} minutes`, before, after, SLACK)];
if (!daemon.running) faults.push('the daemon died');
if (daemon.log.includes('of our own')) faults.push('the log tells of a fault of our own');
console.log(
  `${sum.rounds} rounds of guests that behave, ${sum.right} frames and pictures right, ${sum.attacks} attacks. Seed ${seed}.`,
);
for (const fault of faults) console.log(`FAIL ${fault}`);
if (told.length > 0) console.log(`the daemon's log of the devices of guests that behave:\n${told.join('\n')}`);
console.log(faults.length === 0 ? 'all ok' : `${faults.length} faults`);
process.exitCode = faults.length === 0 ? 0 : 1;
