// SPDX-License-Identifier: Apache-2.0
/**
 * A camera of a guest that shows an RTSP stream of GStreamer's server, whose crystal is off: how old pictures are when the guest has them,
 * by the clock in them, whether that drifts, and how it comes back when the server is killed again and again.
 *
 *   npm run bench:rtsp [-- --minutes 20 --cuts 10 --ppm 500 --transport tcp]
 */
import { readdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { renderTable } from '../packages/host/src/cli/table.ts';
import { DaemonProcess } from '../packages/host/src/daemon/index.ts';
import { ClockGuest, type SeenPicture } from './rtsp/clock-guest.ts';
import { RtspServer, type ServedCamera, serverTree } from './rtsp/rtsp-server.ts';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '20' },
    cuts: { type: 'string', default: '10' },
    ppm: { type: 'string', default: '500' },
    transport: { type: 'string', default: 'tcp' },
    port: { type: 'string', default: '18554' },
  },
});
const minutes = Number(values.minutes);
const cuts = Number(values.cuts);
const port = Number(values.port);
const transport = values.transport === 'udp' ? 'udp' : 'tcp';
const camera: ServedCamera = { width: 640, height: 360, fps: 30, ppm: Number(values.ppm) };

/** Milliseconds that the age of a picture may change over the whole time. */
const DRIFT = 20;
/** Parts of all frames that may be missing. */
const LOST = 0.001;
/** Seconds in which pictures are there again after the server is. */
const BACK_WITHIN = 20;

const say = (text: string): void => void process.stderr.write(`${text}\n`);
const ms = (micros: number): string => (micros / 1000).toFixed(1);
const at = (sorted: readonly number[], part: number): number => sorted[Math.floor((sorted.length - 1) * part)] ?? Number.NaN;

const descriptorsOf = (pid: number): number => readdirSync(`/proc/${pid}/fd`).length;

const verdicts: string[] = [];
let missed = 0;
function judge(what: string, measured: string, met: boolean): void {
  if (!met) missed++;
  verdicts.push(`${met ? 'met' : 'missed'}: ${what} (${measured})`);
}

/** What was seen in one minute. */
interface Minute {
  readonly ages: readonly number[];
  readonly longest: number;
  readonly missing: number;
}

async function watch(guest: ClockGuest, milliseconds: number): Promise<Minute> {
  const seen: SeenPicture[] = [];
  const end = performance.now() + milliseconds;
  while (performance.now() < end) seen.push(await guest.next());
  return {
    ages: seen.map(({ age }) => age).sort((a, b) => a - b),
    longest: Math.max(...seen.map(({ step = 0 }) => step)),
    missing: seen.reduce((sum, { missing }) => sum + missing, 0),
  };
}

const tree = await serverTree(join(homedir(), '.cache/paravideo/vm'), (part, step) => say(`${part}: ${step}`));
let server = await RtspServer.start(tree, port, camera);
await using daemon = await DaemonProcess.start([{ kind: 'camera', name: 'camera', sockets: 1, source: 'stream' }], {
  log: 'error',
  sources: { stream: { url: `rtsp://127.0.0.1:${port}/clock`, transport } },
});
const guest = await ClockGuest.open(daemon.socket('camera', 0));
say('the stream comes …');
// The first seconds are those in which the quickest way is not known yet.
await watch(guest, 5000);
const rows: string[][] = [];
const seen: Minute[] = [];
for (let minute = 1; minute <= minutes; minute += 1) {
  say(`minute ${minute} of ${minutes} …`);
  const each = await watch(guest, 60_000);
  seen.push(each);
  rows.push([
    String(minute),
    String(each.ages.length),
    String(each.missing),
    ...[0.5, 0.99, 1].map((part) => ms(at(each.ages, part))),
    ms(each.longest),
  ]);
}
const medians = seen.map(({ ages }) => at(ages, 0.5));
const drift = (Math.max(...medians) - Math.min(...medians)) / 1000;
const frames = seen.reduce((sum, { ages }) => sum + ages.length, 0);
const missing = seen.reduce((sum, each) => sum + each.missing, 0);
if (minutes > 0) {
  process.stdout.write(
    `${renderTable(['minute', 'frames', 'missing', 'age, ms: median', '99 %', 'most', 'longest step, ms'], rows)}\n`,
  );
  judge(
    `the age of pictures changes by at most ${DRIFT} ms over ${minutes} minutes at ${camera.ppm} ppm`,
    `${drift.toFixed(1)} ms`,
    drift <= DRIFT,
  );
  judge(
    `at most ${LOST * 100} % of the frames are missing`,
    `${missing} of ${frames + missing}`,
    missing <= LOST * (frames + missing),
  );
}

let descriptors = Number.NaN;
const back: number[] = [];
for (let cut = 1; cut <= cuts; cut += 1) {
  say(`cut ${cut} of ${cuts} …`);
  await server.kill();
  // The guest is told, and waits.
  await new Promise((resolve) => setTimeout(resolve, 2000));
  server = await RtspServer.start(tree, port, camera);
  const begun = performance.now();
  // What was on its way when the server went does not count.
  while ((await guest.next()).age / 1000 > performance.now() - begun);
  back.push((performance.now() - begun) / 1000);
  await watch(guest, 3000);
  // What shows that there is no signal is kept from the first time on.
  if (cut === 1) descriptors = descriptorsOf(daemon.pid);
}
if (cuts > 0) {
  const worst = Math.max(...back);
  judge(
    `pictures are there again within ${BACK_WITHIN} s of the server, ${cuts} times`,
    `${back.map((seconds) => seconds.toFixed(1)).join(', ')} s`,
    worst <= BACK_WITHIN,
  );
  const after = descriptorsOf(daemon.pid);
  judge(
    'the daemon has no more descriptors than after the first cut',
    `${descriptors} then, ${after} after all`,
    after <= descriptors,
  );
}
await guest.close();
await server.kill();
process.stdout.write(`${verdicts.join('\n')}\n`);
process.exitCode = missed === 0 ? 0 : 1;
