// SPDX-License-Identifier: Apache-2.0
import { type Command, InvalidArgumentError } from 'commander';
import { exitOnSignals } from '../daemon/index.ts';
import { type CameraReport, type DecodedFile, type DemoReport, type FileReport, runDemo } from './demo/index.ts';
import { EXIT } from './exit-codes.ts';
import { createProgress } from './progress.ts';
import { renderTable } from './table.ts';

interface DemoFlags {
  readonly input?: readonly string[];
  readonly out: string;
  readonly threads?: number;
  readonly json?: boolean;
}

const EXAMPLES = `
Examples:
  paravideo demo
  paravideo demo --input film.mp4
  paravideo demo --input a.h264 b.ivf --threads 2 --json

Needs the ffmpeg command. Writes a contact sheet per file and a snapshot of the camera to --out.
Ends with 1 if a picture differs from the reference or a frame of the camera is damaged. Frames that a busy machine
had no time for are counted in the table.`;

/** Adds `paravideo demo`. */
export function addDemo(program: Command): void {
  program
    .command('demo')
    .description(
      'decode files through the virtual decoder, compare every picture with ffmpeg, and capture from the virtual camera',
    )
    .option('-i, --input <file...>', 'coded video in any container; small files of every codec if left out')
    .option('-o, --out <folder>', 'where the PNGs go', 'out')
    .option('--threads <n>', 'decoding threads per stream', positive)
    .option('--json', 'print the report as JSON')
    .addHelpText('after', EXAMPLES)
    .action(async (flags: DemoFlags) => {
      exitOnSignals();
      const options = { inputs: flags.input ?? [], out: flags.out, threads: flags.threads };
      const report = await runDemo(options, createProgress(flags.json === true));
      console.log(flags.json ? JSON.stringify(report, null, 2) : renderReport(report));
      if (!report.ok) process.exitCode = EXIT.failed;
    });
}

/** A whole number of at least 1, for flags. */
export function positive(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError('It must be a whole number of at least 1.');
  return value;
}

function renderReport(report: DemoReport): string {
  const head = ['file', 'codec', 'visible size', 'pictures', 'reference', 'equal MD5', 'frames/s', 'verdict'];
  const { lost } = report.camera;
  const camera = lost === 0 ? 'the camera lost no frame' : `the machine was too busy for ${lost} frames of the camera`;
  const verdict = report.ok ? `All pictures are equal; ${camera}.` : 'NOT ALL IS EQUAL: see the verdicts above.';
  const pngs = [...report.files.flatMap((file) => (file.kind === 'decoded' ? (file.png ?? []) : [])), report.camera.png];
  return [
    renderTable(head, report.files.map(fileRow)),
    '',
    cameraLines(report.camera),
    '',
    `Pictures: ${pngs.join(' ')}`,
    verdict,
  ].join('\n');
}

function fileRow(file: FileReport): string[] {
  if (file.kind === 'failed') return [baseName(file.file), '', '', '', '', '', '', file.reason];
  const sizes = file.sizes.length > 3 ? `${file.sizes[0]} and ${file.sizes.length - 1} more` : file.sizes.join(' ');
  return [
    baseName(file.file),
    file.codec,
    sizes,
    String(file.pictures),
    String(file.referencePictures),
    String(file.equal),
    (file.pictures / file.seconds).toFixed(0),
    verdictOf(file),
  ];
}

const baseName = (path: string): string => path.split('/').at(-1) ?? path;

function verdictOf(file: DecodedFile): string {
  if (file.ok) return 'equal';
  if (file.strayTimestamps > 0) return `${file.strayTimestamps} wrong timestamps`;
  const damaged = file.warnings.length > 0 ? ' (the reference decoder calls the stream damaged)' : '';
  return file.firstDifference === undefined ? 'no pictures' : `differs from picture ${file.firstDifference}${damaged}`;
}

function cameraLines(camera: CameraReport): string {
  const ms = (value: number) => `${value.toFixed(2)} ms`;
  const rows = [
    ['interval, mean', ms(camera.intervalMean), `nominal ${ms(1000 / camera.rate)}`],
    ['jitter of capture, p99', ms(camera.captureJitterP99), 'by the timestamps'],
    ['jitter of arrival, p99', ms(camera.arrivalJitterP99), 'as the guest sees it'],
    ['start to first frame', ms(camera.firstFrame), 'from STREAMON to the guest'],
    ['capture to guest, first frame', ms(camera.firstLatency), ''],
    ['capture to guest, p50', ms(camera.latencyP50), 'after the first ten frames'],
    ['capture to guest, p99', ms(camera.latencyP99), 'after the first ten frames'],
    ['frames lost', String(camera.lost), `of ${camera.frames + camera.lost}`],
    ['frames damaged', String(camera.damaged), `of ${camera.frames}`],
  ];
  return renderTable([`camera ${camera.width}x${camera.height} at ${camera.rate}`, 'value', ''], rows);
}
