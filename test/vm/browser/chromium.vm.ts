// SPDX-License-Identifier: Apache-2.0
/** A browser that nobody here wrote lists the camera and films with it. */
import { copyFileSync, cpSync, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PNG } from 'pngjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { kernelComplaints } from '../suites/kernel-log.ts';
import { lab, startRig, TRANSPORTS, type VmRig } from '../suites/rig.ts';

const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

/** Milliseconds that the browser has under emulation, where it needs minutes. */
const PATIENCE = 3_600_000;

const CHROMIUM = [
  'chromium --headless=new --no-sandbox --disable-gpu --disable-dev-shm-usage --no-first-run',
  // no question to a person, who is not there; the cameras are the real ones
  '--use-fake-ui-for-media-stream',
  '--user-data-dir=/tmp/profile --window-size=800,600 --enable-logging=stderr',
  'http://localhost:8080/',
].join(' ');

/** Serves the page in the guest, shows it to Chromium, and waits until the page has told what it saw. */
const SCRIPT = `
busybox ip link set lo up
mkdir -p /tmp/www/cgi-bin && cp /mnt/page.html /tmp/www/index.html && cp /mnt/take.sh /tmp/www/cgi-bin/take && chmod +x /tmp/www/cgi-bin/take
busybox httpd -p 8080 -h /tmp/www
${CHROMIUM} > /mnt/chromium.log 2>&1 &
browser=$!
while kill -0 $browser 2>/dev/null && [ ! -f /mnt/report.json ]; do sleep 1; done
kill $browser
[ -f /mnt/report.json ]`;

interface Report {
  readonly error?: string;
  readonly cameras: readonly string[];
  readonly label: string;
  readonly settings: { readonly width: number; readonly height: number; readonly frameRate: number };
  /** of the frames, microseconds */
  readonly times: readonly number[];
}

const text = (path: string): string => (existsSync(path) ? readFileSync(path, 'utf8') : 'none');

const read = (rig: VmRig, name: string): PNG => PNG.sync.read(readFileSync(join(rig.guest.share, name)));

/** Number of colours in a picture, each channel cut to 3 bits. */
function colours({ data }: PNG): number {
  const seen = new Set<number>();
  for (let i = 0; i < data.length; i += 4) {
    seen.add((((data[i] ?? 0) >> 5) << 6) | (((data[i + 1] ?? 0) >> 5) << 3) | ((data[i + 2] ?? 0) >> 5));
  }
  return seen.size;
}

describe.each(TRANSPORTS)('Chromium in a guest, over %s', (transport) => {
  let rig: VmRig;
  let report: Report;
  beforeAll(async () => {
    rig = await startRig([{ kind: 'camera', name: 'Webcam' }], transport, {
      lab: await lab({ userland: 'browser' }),
      memoryMiB: 2048,
    });
    for (const name of ['page.html', 'take.sh']) copyFileSync(here(name), join(rig.guest.share, name));
    const { status } = await rig.guest.run(SCRIPT, PATIENCE);
    const log = join(rig.guest.share, 'chromium.log');
    const step = join(rig.guest.share, 'step.txt');
    if (status !== 0) throw new TypeError(`Chromium told nothing; its last step: ${text(step)}\n${text(log).slice(-4000)}`);
    report = JSON.parse(readFileSync(join(rig.guest.share, 'report.json'), 'utf8')) as Report;
  }, PATIENCE + 600_000);
  afterAll(async () => {
    // to look at
    if (rig !== undefined && process.env.PARAVIDEO_VM_PICTURES !== undefined)
      cpSync(rig.guest.share, process.env.PARAVIDEO_VM_PICTURES, { recursive: true });
    await rig?.[Symbol.asyncDispose]();
  }, 60_000);

  it('lists the camera by its name', () => {
    expect(report.error).toBeUndefined();
    expect(report.cameras).toEqual([expect.stringContaining('Webcam')]);
  });

  it('films with it, at a size and rate of its list', () => {
    expect(report.settings.width).toBeGreaterThan(0);
    expect(report.times).toHaveLength(16);
    for (const [i, time] of report.times.entries()) if (i > 0) expect(time).toBeGreaterThan(report.times[i - 1] ?? 0);
  });

  it('shows moving pictures in colour', () => {
    const [first, last] = [read(rig, 'first.png'), read(rig, 'last.png')];
    expect([first.width, first.height]).toEqual([report.settings.width, report.settings.height]);
    expect(colours(first)).toBeGreaterThan(10);
    expect(Buffer.compare(first.data, last.data)).not.toBe(0);
  });

  it('leaves nothing in the kernel’s log', async () => expect(await kernelComplaints(rig.guest)).toEqual([]));
});
