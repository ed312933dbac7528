// SPDX-License-Identifier: Apache-2.0
/**
 * What a guest feels of the worst that others can do: a victim that captures 720p30 and asks G_FMT every 2 ms, beside one
 * attacker at a time, each in a process of its own, against a fresh daemon. docs/PERFORMANCE.md says how to read it.
 *
 *   npm run bench:hostile [-- --only NAME[,NAME] --seconds 6]
 */
import { parseArgs } from 'node:util';
import { renderTable } from '../packages/host/src/cli/table.ts';
import { DaemonProcess } from '../packages/host/src/daemon/index.ts';
import { ATTACKS, type Attack } from './hostile/attacks.ts';
import { HostileError } from './hostile/hostile-error.ts';
import type { Felt } from './hostile/victim.ts';
import { Part } from './part.ts';

const { values } = parseArgs({ options: { only: { type: 'string' }, seconds: { type: 'string', default: '6' } } });
const seconds = Number(values.seconds);
if (!(seconds >= 1 && seconds <= 60)) throw new HostileError(`--seconds ${values.seconds}: from 1 to 60`);
const wanted = values.only?.split(',');
const unknown = wanted?.find((name) => !ATTACKS.some((attack) => attack.name === name));
if (unknown !== undefined) throw new HostileError(`--only ${unknown}: there are ${ATTACKS.map(({ name }) => name).join(', ')}`);

/** p99 that is always allowed, in milliseconds, and how many times the idle one is. */
const GOAL = { p99: 10, timesIdle: 3 };
/** Milliseconds that a process may take to be ready, or to answer beyond its time. */
const PATIENCE = 60_000;

/** Measures beside an attack, or beside nobody. A string says why there is no measurement. */
async function beside(attack: Attack | undefined): Promise<Felt | string> {
  await using daemon = await DaemonProcess.start(
    [
      { kind: 'camera', name: 'camera' },
      { kind: 'camera', name: 'hostile', sizes: 'ranges' },
      { kind: 'camera', name: 'pci', transport: 'vfio-user' },
      { kind: 'decoder', name: 'decoder' },
    ],
    { log: 'error' },
  );
  await using victim = new Part(new URL('./hostile/victim.ts', import.meta.url), [daemon.socket('camera')]);
  if ((await victim.line(PATIENCE)) === undefined) return 'the victim did not start';
  const targets = { camera: daemon.socket('hostile'), pci: daemon.socket('pci'), decoder: daemon.socket('decoder') };
  await using attacker =
    attack && new Part(new URL('./hostile/attacker.ts', import.meta.url), [attack.name, JSON.stringify(targets)]);
  if (attacker !== undefined && (await attacker.line(PATIENCE)) === undefined) return 'the attack could not be set up';
  const answer = await victim.ask(String(seconds), 1000 * seconds + PATIENCE);
  return answer === undefined ? 'the victim got no answer any more' : (JSON.parse(answer) as Felt);
}

const ms = (value: number): string => value.toFixed(value < 10 ? 2 : 0);
const rows: string[][] = [];
let missed = 0;
const idle = await beside(undefined);
if (typeof idle === 'string') throw new HostileError(`idle: ${idle}`);
rows.push(['idle', '', ms(idle.p50), ms(idle.p99), ms(idle.max), `${idle.lost} of ${idle.lost + idle.frames}`, '']);
for (const attack of ATTACKS) {
  if (wanted !== undefined && !wanted.includes(attack.name)) continue;
  process.stderr.write(`${attack.name}: ${attack.what}\n`);
  const felt = await beside(attack);
  const factor = attack.needs === 'a guest' ? 1 : 2;
  const limit = factor * Math.max(GOAL.p99, GOAL.timesIdle * idle.p99);
  const met = typeof felt !== 'string' && felt.p99 <= limit && felt.lost <= factor * idle.lost;
  if (!met) missed++;
  const verdict = `${met ? 'met' : 'missed'} (p99 ${ms(limit)}, lost ${factor * idle.lost})`;
  rows.push(
    typeof felt === 'string'
      ? [attack.name, attack.needs, '', '', '', felt, verdict]
      : [
          attack.name,
          attack.needs,
          ms(felt.p50),
          ms(felt.p99),
          ms(felt.max),
          `${felt.lost} of ${felt.lost + felt.frames}`,
          verdict,
        ],
  );
}
console.log(renderTable(['beside', 'needs', 'p50 ms', 'p99 ms', 'max ms', 'frames lost', 'goal'], rows));
console.log(missed === 0 ? 'every goal was met' : `${missed} missed`);
process.exitCode = missed === 0 ? 0 : 1;
