// SPDX-License-Identifier: Apache-2.0
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  V4L2_BUF_TYPE_VIDEO_CAPTURE,
  V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE,
  V4L2_CAP_VIDEO_CAPTURE,
  V4L2_CAP_VIDEO_CAPTURE_MPLANE,
} from '@paravideo/core';
import { PNG } from 'pngjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DaemonProcess } from '../daemon/index.ts';
import { delegationText, isolation } from '../isolation/child/index.ts';
import { renderTable } from './table.ts';
import { PARAVIDEO } from './testing/run-command.ts';

const FIXTURES = fileURLToPath(new URL('../../fixtures/', import.meta.url));

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'paravideo-cli-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function paravideo(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(PARAVIDEO, args, { encoding: 'utf8', cwd: folder, timeout: 55_000 });
}

describe('paravideo', () => {
  it.each(['serve', 'demo', 'probe', 'check', 'bench', 'doctor', 'qemu', 'qemu-args'])('%s --help has examples', (command) => {
    const { status, stdout } = paravideo(command, '--help');
    expect(status).toBe(0);
    expect(stdout).toContain('Examples:');
  });

  it.each(['--help', 'serve --help', 'doctor'])('%s ends as it would when nobody reads its output any more', async (line) => {
    const args = line.split(' ');
    const child = spawn(PARAVIDEO, args, { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
    // closed before the command has started: its first write fails
    child.stdout.destroy();
    let stderr = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    const [status] = await once(child, 'close');
    expect(stderr).toBe('');
    expect(status).toBe(line === 'doctor' ? paravideo('doctor').status : 0);
  });

  it('ends with 2 when it is used wrongly, with one line that says what is wrong', () => {
    expect(paravideo('serve', '--colour', 'red')).toMatchObject({
      status: 2,
      stderr: expect.stringContaining("unknown option '--colour'"),
    });
    const path = join(folder, 'wrong.yaml');
    writeFileSync(path, 'devices:\n  - kind: toaster\n');
    const { status, stderr } = paravideo('serve', '--config', path);
    expect(status).toBe(2);
    expect(stderr).toMatch(/^paravideo: .*wrong\.yaml:2: devices\[0\]\.kind/);
    expect(stderr.trim().split('\n')).toHaveLength(1);
  });

  it.each([
    ['serve', 'nothing to serve: give --camera SOCKET, --output SOCKET, --decoder SOCKET, --proxy SOCKET or --config FILE'],
    ['serve --decoder d.sock --size 640x480', '--size has no effect without --camera'],
    ['serve --decoder d.sock --source x.mp4', '--source has no effect without --camera'],
    ['serve --camera c.sock --codecs h264', '--codecs has no effect without --decoder'],
    ['serve --proxy p.sock', '--proxy needs --device'],
    ['serve --camera c.sock --device /dev/video0', '--device has no effect without --proxy'],
    ['serve --proxy p.sock --device /dev/null', 'devices[0].device: /dev/null: it is no V4L2 device: correct `device` (ENOTTY)'],
    ['serve --camera c.sock --threads 2', '--threads has no effect without --decoder'],
    ['serve --config none.yaml --transport vfio-user', '--transport has no effect without --camera or --output or --decoder'],
    ['serve --camera c.sock --source a.mp4 --source b.mp4', 'It was given as a.mp4 already'],
    ['serve --camera c.sock --source - --until-eof', '--until-eof and the source stdin both want standard input'],
    ['serve --camera c.sock extra.sock', 'too many arguments'],
    [
      'serve --camera c.sock --decoder ./c.sock',
      'the socket of --camera, --output, --decoder or --proxy is used twice: ./c.sock',
    ],
    ['serve --camera c.sock --fps 500', '--fps 500 is wrong'],
    ['serve --camera c.sock --workers 0', '--workers 0 is wrong'],
    ['serve --config one.yaml --workers 0', '--workers 0 is wrong'],
    ['serve --config one.yaml --camera c.sock', 'the socket of --camera, --output, --decoder or --proxy is used twice: c.sock'],
  ])('%s is refused with its reason', (line, reason) => {
    writeFileSync(join(folder, 'one.yaml'), 'devices: [ { kind: camera, name: c, socket: c.sock } ]\n');
    const { status, stdout, stderr } = paravideo(...line.split(' '));
    expect(stderr).toContain(`paravideo: `);
    expect(stderr).toContain(reason);
    expect([status, stdout]).toEqual([2, '']);
  });

  it('ends with 3 when nobody listens at the socket', () => {
    const { status, stderr } = paravideo('probe', join(folder, 'nobody.sock'));
    expect(status).toBe(3);
    expect(stderr.trim().split('\n')).toHaveLength(1);
  });

  it('ends with 2 when the file of a camera cannot be read or shown', () => {
    writeFileSync(join(folder, 'letter.txt'), 'no film');
    // Nobody ever writes to it.
    spawnSync('mkfifo', [join(folder, 'fifo')]);
    for (const [file, reason] of [
      ['missing.mp4', /missing\.mp4 cannot be shown: there is no such file \(ENOENT\)/],
      ['letter.txt', /letter\.txt cannot be shown: it is no film and no picture/],
      ['fifo', /fifo cannot be shown: it is a FIFO/],
      ['.', /cannot be shown: it is a folder/],
    ] as const) {
      const path = join(folder, `${file}.yaml`);
      const camera = '{ kind: camera, name: c, socket: c.sock, source: film }';
      writeFileSync(path, `sources: { film: { file: ${file} } }\ndevices: [ ${camera} ]\n`);
      const { status, stderr } = paravideo('serve', '--config', path);
      expect(status).toBe(2);
      expect(stderr).toMatch(/^paravideo: sources\.film: /);
      expect(stderr).toMatch(reason);
      expect(stderr.trim().split('\n')).toHaveLength(1);
    }
  });

  it('qemu starts QEMU with devices before its own arguments, a file found from here, and ends as QEMU does', () => {
    copyFileSync(join(FIXTURES, 'h264-b-frames.h264'), join(folder, 'film.h264'));
    const qemu = '#!/bin/sh\n[ "$4" = help ] && echo \'name "vfio-user-pci", bus PCI\' && exit\nprintf "%s\\n" "$@"\nexit 7\n';
    writeFileSync(join(folder, 'qemu'), qemu, { mode: 0o755 });
    const { status, stdout, stderr } = paravideo('qemu', '--qemu', './qemu', '--camera', 'film.h264', '--', '-m', '64M');
    expect([status, stderr]).toEqual([7, '']);
    expect(stdout).toMatch(/size=64M,share=on\n-machine\nmemory-backend=\S+\n-device\n\{"driver":"vfio-user-pci".*\n-m\n64M\n$/);
  });

  it('doctor says what it found, also as JSON', () => {
    const { status, stdout } = paravideo('doctor', '--json');
    const findings = JSON.parse(stdout) as { name: string; state: string; found: string }[];
    expect(findings.find((finding) => finding.name === 'Node')?.state).toBe('good');
    expect(findings.map((finding) => finding.name)).toContain('codecs (node-av)');
    expect(findings.find((finding) => finding.name === 'sandbox of codecs')?.found).toBe(
      `level: ${isolation().level}; ${delegationText()}`,
    );
    expect(status).toBe(0);
  });

  it('probe shows what a camera offers, as text and as JSON', async () => {
    await using daemon = await DaemonProcess.start([{ kind: 'camera', name: 'camera', card: 'Desk', size: '640x480' }]);
    const text = paravideo('probe', daemon.socket('camera'));
    expect(text).toMatchObject({ status: 0, stderr: '' });
    expect(text.stdout).toContain('NV12');
    expect(text.stdout).toContain('Brightness');
    const json = JSON.parse(paravideo('probe', daemon.socket('camera'), '--json').stdout) as { card: string };
    expect(json.card).toBe('Desk');
  });

  it.each(['single', 'multi'] as const)('probe sees a camera of %s-planar buffers as its configuration says', async (planes) => {
    await using daemon = await DaemonProcess.start([{ kind: 'camera', name: 'camera', planes }]);
    const { stdout } = paravideo('probe', daemon.socket('camera'), '--json');
    const device = JSON.parse(stdout) as { deviceCaps: number; queues: { type: number; formats: { name: string }[] }[] };
    const [queue] = device.queues;
    expect(device.deviceCaps & (V4L2_CAP_VIDEO_CAPTURE | V4L2_CAP_VIDEO_CAPTURE_MPLANE)).toBe(
      planes === 'multi' ? V4L2_CAP_VIDEO_CAPTURE_MPLANE : V4L2_CAP_VIDEO_CAPTURE,
    );
    expect(queue?.type).toBe(planes === 'multi' ? V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE : V4L2_BUF_TYPE_VIDEO_CAPTURE);
    expect(queue?.formats.some((format) => format.name === 'NM12')).toBe(planes === 'multi');
  });

  it('check finds no fault with either device of the daemon', async () => {
    await using daemon = await DaemonProcess.start([
      { kind: 'camera', name: 'camera' },
      { kind: 'camera', name: 'planes', planes: 'multi' },
      { kind: 'decoder', name: 'decoder' },
    ]);
    for (const device of ['camera', 'planes', 'decoder']) {
      const { status, stdout } = paravideo('check', daemon.socket(device), '--json');
      const report = JSON.parse(stdout) as {
        counts: { fail: number; pass: number };
        results: { outcome: string; title: string; detail: string }[];
      };
      expect(report.results.filter((result) => result.outcome === 'fail')).toEqual([]);
      expect(report.counts.pass).toBeGreaterThan(30);
      expect(status).toBe(0);
    }
  });

  it('demo finds every picture equal to the reference and writes its pictures', () => {
    const input = ['h264-b-frames.h264', 'vp9-resized.ivf'].map((name) => join(FIXTURES, name));
    const { status, stdout, stderr } = paravideo('demo', '--input', ...input, '--out', 'pictures', '--json');
    expect(stderr).toBe('');
    const report = JSON.parse(stdout) as {
      ok: boolean;
      files: { equal: number; pictures: number; png: string }[];
      camera: { firstFrame: number; firstLatency: number; latencyP50: number; png: string };
    };
    expect(report.files.map((file) => [file.pictures, file.equal])).toEqual([
      [25, 25],
      [20, 20],
    ]);
    const { firstFrame, firstLatency, latencyP50 } = report.camera;
    for (const millis of [firstFrame, firstLatency, latencyP50]) expect(millis).toBeGreaterThan(0);
    // Nothing was captured before it was asked for.
    expect(firstFrame).toBeGreaterThan(firstLatency);
    expect(report.files.map((file) => file.png)).toEqual(['pictures/h264-b-frames.h264.png', 'pictures/vp9-resized.ivf.png']);
    expect(status).toBe(report.ok ? 0 : 1);
    // The red bar of the camera's picture, most of which the moving ball leaves alone, is red.
    const { width, height, data } = PNG.sync.read(readFileSync(join(folder, report.camera.png)));
    const x = Math.floor((width * 5.5) / 7);
    const reds = Array.from({ length: Math.floor(height / 2) }, (_, y) => [...data.subarray(4 * (y * width + x)).subarray(0, 3)]);
    const right = reds.filter(([r = 0, g = 99, b = 99]) => Math.abs(r - 191) < 4 && g < 4 && b < 4);
    expect(right.length).toBeGreaterThan(reds.length / 2);
  });

  it('demo says why the folder for its pictures cannot be made', () => {
    writeFileSync(join(folder, 'letter'), 'Dear');
    for (const [out, reason] of [
      ['letter', 'something else is there'],
      ['letter/pictures', 'a part of the path is no folder'],
    ] as const) {
      const { status, stderr } = paravideo('demo', '--out', out);
      expect(stderr).toMatch(new RegExp(`^paravideo: ${out}: ${reason}.*\n$`));
      expect(status).toBe(2);
    }
  });

  it('demo refuses a file without video, in one line', () => {
    const path = join(folder, 'note.txt');
    writeFileSync(path, 'not a video');
    const { status, stderr } = paravideo('demo', '--input', path);
    expect(status).toBe(2);
    expect(stderr.trim().split('\n')).toHaveLength(1);
  });
});

describe('tables', () => {
  it('have columns as wide as their widest cell, numbers to the right', () => {
    expect(
      renderTable(
        ['name', 'n'],
        [
          ['a', '1'],
          ['bcdef', '100'],
        ],
      ),
    ).toBe('name     n\n-----  ---\na        1\nbcdef  100');
  });
});
