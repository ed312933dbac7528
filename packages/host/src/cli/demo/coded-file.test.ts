// SPDX-License-Identifier: Apache-2.0
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CodedUnit, openCodedFile } from './coded-file.ts';
import { DemoError } from './demo-error.ts';
import { decodeReference } from './reference.ts';
import { runDemo } from './run-demo.ts';

const NO_PROGRESS = { begin: () => {}, step: () => {}, end: () => {} };

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'paravideo-coded-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function make(name: string, ...args: string[]): string {
  const path = join(folder, name);
  const source = ['-f', 'lavfi', '-i', 'testsrc=size=96x64:rate=10:duration=1', '-pix_fmt', 'yuv420p'];
  const { status } = spawnSync('ffmpeg', ['-v', 'error', '-y', ...source, ...args, path], { stdio: 'inherit' });
  expect(status).toBe(0);
  return path;
}

async function units(path: string): Promise<{ codec: string; units: Uint8Array[] }> {
  await using file = await openCodedFile(path);
  const list: Uint8Array[] = [];
  for await (const { bytes } of file.units()) list.push(bytes);
  return { codec: file.codec, units: list };
}

describe('a coded file', () => {
  it('in MP4 comes out with start codes and parameter sets, one unit a picture', async () => {
    const found = await units(make('a.mp4', '-c:v', 'libx264', '-bf', '2'));
    expect(found.codec).toBe('h264');
    expect(found.units).toHaveLength(10);
    const first = found.units[0] as Uint8Array;
    const sps = first.findIndex(
      (_, i) => first[i] === 0 && first[i + 1] === 0 && first[i + 2] === 1 && ((first[i + 3] ?? 0) & 0x1f) === 7,
    );
    expect(sps).toBeGreaterThanOrEqual(0);
    for (const unit of found.units) expect([...unit.subarray(0, 3)]).toEqual([0, 0, expect.any(Number)]);
  });

  it.each([
    ['an elementary stream', 'b.h264', 'libx264', 'h264'],
    ['IVF', 'c.ivf', 'libvpx', 'vp8'],
    ['Matroska', 'd.mkv', 'mpeg2video', 'mpeg2'],
  ])('in %s has one unit a picture', async (_, name, encoder, codec) => {
    const found = await units(make(name, '-c:v', encoder));
    expect(found.codec).toBe(codec);
    expect(found.units).toHaveLength(10);
  });

  it('is refused if it is none, with a reason', async () => {
    const path = join(folder, 'note.txt');
    writeFileSync(path, 'not a video');
    await expect(openCodedFile(path)).rejects.toThrow(DemoError);
    await expect(openCodedFile(join(folder, 'nothing.mp4'))).rejects.toThrow(/nothing\.mp4 cannot be opened/);
  });
});

describe('the reference decode', () => {
  it('has a length and an MD5 for every picture', async () => {
    const { pictures } = await decodeReference(make('r.h264', '-c:v', 'libx264'));
    expect(pictures).toHaveLength(10);
    expect(pictures[0]).toEqual({ length: (96 * 64 * 3) / 2, md5: expect.stringMatching(/^[0-9a-f]{32}$/) });
  });

  it('names a file that ffmpeg refuses', async () => {
    const path = join(folder, 'note2.txt');
    writeFileSync(path, 'not a video');
    await expect(decodeReference(path)).rejects.toThrow(/ffmpeg does not decode/);
  });
});

describe('the demo', () => {
  it('does not call it a fault that an edit list leaves pictures out, or that a file has several streams', async () => {
    const cut = join(folder, 'cut.mp4');
    const whole = make('whole.mp4', '-c:v', 'libx264', '-bf', '2');
    // the cut falls between two key frames: what lies before it stays in the file and is not shown
    spawnSync('ffmpeg', ['-v', 'error', '-y', '-ss', '0.35', '-i', whole, '-c', 'copy', cut], { stdio: 'inherit' });
    await using file = await openCodedFile(cut);
    const list: CodedUnit[] = [];
    for await (const unit of file.units()) list.push(unit);
    const { pictures } = await decodeReference(cut, { stream: file.index });
    expect(list.some((unit) => unit.hidden)).toBe(true);
    expect(list.filter((unit) => !unit.hidden)).toHaveLength(pictures.length);

    const two = join(folder, 'two.mkv');
    const second = ['-f', 'lavfi', '-i', 'testsrc2=size=128x96:rate=10:duration=1', '-map', '0:v', '-map', '1:v'];
    const { status } = spawnSync('ffmpeg', ['-v', 'error', '-y', '-i', whole, ...second, '-pix_fmt', 'yuv420p', two]);
    expect(status).toBe(0);

    const report = await runDemo({ inputs: [cut, two], out: join(folder, 'out'), threads: 1 }, NO_PROGRESS);
    expect(report.files.map((each) => [each.file, each.ok])).toEqual([
      [cut, true],
      [two, true],
    ]);
  });

  it('finds every picture of the files that the project carries', async () => {
    const report = await runDemo({ inputs: [], out: join(folder, 'out'), threads: 1 }, NO_PROGRESS);
    expect(report.files.filter((each) => !each.ok)).toEqual([]);
    expect(report.files.length).toBeGreaterThan(10);
    expect(report.ok).toBe(true);
  });

  it('shows the other files when one of them cannot be read', async () => {
    const note = join(folder, 'note3.txt');
    writeFileSync(note, 'not a video');
    const inputs = [note, make('good.h264', '-c:v', 'libx264'), join(folder, 'missing.mp4')];
    const report = await runDemo({ inputs, out: join(folder, 'out'), threads: 1 }, NO_PROGRESS);
    expect(report.files.map((each) => each.kind)).toEqual(['failed', 'decoded', 'failed']);
    expect(report.files[1]?.ok).toBe(true);
    expect(report.ok).toBe(false);
  });
});
