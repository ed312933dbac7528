// SPDX-License-Identifier: Apache-2.0
import { availableParallelism } from 'node:os';
import { type Command, Option } from 'commander';
import { exitOnSignals, formatSize, TRANSPORTS } from '../daemon/index.ts';
import type { SocketTransport } from '../frontend/index.ts';
import { type BenchReport, benchSocket, type LatencyReport, type RoundTrip, runBench, type SocketReport } from './bench/index.ts';
import { positive } from './demo-command.ts';
import { renderTable } from './table.ts';

interface BenchFlags {
  readonly out: string;
  readonly threads?: number;
  readonly json?: boolean;
  readonly transport?: SocketTransport;
}

const EXAMPLES = `
Examples:
  paravideo bench                        # a daemon of its own, every number with its baseline
  paravideo bench /run/cam.sock --json   # round trips and frames of some back-end

Needs the ffmpeg command for decoders.`;

/** Adds `paravideo bench`. */
export function addBench(program: Command): void {
  program
    .command('bench')
    .description('measure round trips, frame rates and memory, of a daemon of its own or of any virtio-media back-end')
    .argument('[socket]', 'socket of the back-end')
    .addOption(new Option('--transport <name>', 'what the socket speaks (default: found out)').choices(TRANSPORTS))
    .option('-o, --out <folder>', 'where the 1080p clip is kept', 'out')
    .option('--threads <n>', 'decoding threads, for the device and for ffmpeg (default: 1, then all cores up to 4)', positive)
    .option('--json', 'print the numbers as JSON')
    .addHelpText('after', EXAMPLES)
    .action(async (socket: string | undefined, flags: BenchFlags) => {
      exitOnSignals();
      const say = (what: string) => {
        if (!flags.json) console.error(`… ${what}`);
      };
      if (socket === undefined) {
        const report = await runBench({ out: flags.out, threads: threadsFor(flags) }, say);
        console.log(flags.json ? JSON.stringify(report, null, 2) : renderBench(report));
      } else {
        const report = await benchSocket(socket, flags.out, say, flags.transport);
        console.log(flags.json ? JSON.stringify(report, null, 2) : renderSocket(report));
      }
    });
}

/** One thread each shows what the device costs; with all cores at work the guest and the daemon take their share from the decoder. */
function threadsFor({ threads }: BenchFlags): number[] {
  return threads === undefined ? [...new Set([1, Math.min(4, availableParallelism())])] : [threads];
}

const micros = (value: number) => `${value.toFixed(1)} µs`;
const times = (value: number, baseline: number) => `${(value / baseline).toFixed(2)} x`;

/** The rows of `latencyRows`, beside two processes that block, and what the daemon's processor had to do. */
function deviceRows(state: string, { ioctl, pingPong, blocking, processor }: LatencyReport): string[][] {
  return [
    ...latencyRows(state, ioctl, pingPong),
    ['the same, p50', micros(ioctl.p50), `${micros(blocking.p50)} blocking ping-pong`, times(ioctl.p50, blocking.p50)],
    ['the same, p99', micros(ioctl.p99), `${micros(blocking.p99)} blocking ping-pong`, times(ioctl.p99, blocking.p99)],
    ['the same, processor time of the daemon', micros(processor * 1e6), 'an ioctl', ''],
  ];
}

function latencyRows(state: string, ioctl: RoundTrip, pingPong: RoundTrip): string[][] {
  return [
    [
      `ioctl round trip, ${state}, p50`,
      micros(ioctl.p50),
      `${micros(pingPong.p50)} eventfd ping-pong`,
      times(ioctl.p50, pingPong.p50),
    ],
    [
      `ioctl round trip, ${state}, p99`,
      micros(ioctl.p99),
      `${micros(pingPong.p99)} eventfd ping-pong`,
      times(ioctl.p99, pingPong.p99),
    ],
  ];
}

function renderBench(report: BenchReport): string {
  const { decode, copies, memory } = report;
  const rows = [
    ...deviceRows('idle', report.idle),
    ...deviceRows('two guests stream 1080p30', report.loaded),
    ...decode.map(({ threads, format, device, ffmpeg, ratio }) => [
      `1080p H.264 decode, ${threads} ${threads === 1 ? 'thread' : 'threads'}, ${format}`,
      `${device.toFixed(1)} fps`,
      `${ffmpeg.toFixed(1)} fps ffmpeg -f null`,
      `${ratio.toFixed(2)} x`,
    ]),
    ...decode.map(({ threads, format, first }) => [
      `the same, session opened to first picture, ${threads} ${threads === 1 ? 'thread' : 'threads'}, ${format}`,
      `${(1000 * first).toFixed(0)} ms`,
      '',
      '',
    ]),
    ...decode
      .slice(-1)
      .map(({ processor }) => [
        'the same, processor time of the daemon',
        `${(1000 * processor).toFixed(2)} ms`,
        'a picture, without the codec process',
        '',
      ]),
    [
      'copied per camera frame',
      formatSize(copies.camera.copied),
      `${formatSize(copies.camera.frame)} a frame`,
      times(copies.camera.copied, copies.camera.frame),
    ],
    [
      'copied per decoded picture, daemon',
      formatSize(copies.decoder.copied),
      `${formatSize(copies.decoder.frame)} a picture`,
      times(copies.decoder.copied, copies.decoder.frame),
    ],
    [
      'written per decoded picture, codec process',
      formatSize(copies.decoder.written),
      `${formatSize(copies.decoder.frame)} a picture`,
      times(copies.decoder.written, copies.decoder.frame),
    ],
    ['resident, idle daemon', formatSize(memory.idle), '', ''],
    ['resident, per guest of a decoder', formatSize(memory.guest), 'with its codec process', ''],
    ['resident, per further decoder session', formatSize(memory.session), '', ''],
    ['daemon start to sockets ready', `${report.startMillis.toFixed(0)} ms`, '', ''],
  ];
  return renderTable(['what', 'measured', 'baseline of the same run', 'ratio'], rows);
}

function renderSocket(report: SocketReport): string {
  const rows = latencyRows('idle', report.ioctl, report.pingPong);
  const { camera, decoder } = report;
  if (camera !== undefined) {
    const size = `${camera.width}x${camera.height}`;
    rows.push([
      `${size} interval, mean`,
      `${camera.intervalMean.toFixed(2)} ms`,
      camera.rate === undefined ? 'the device names no rate' : `${(1000 / camera.rate).toFixed(2)} ms nominal`,
      '',
    ]);
    rows.push([`${size} arrival jitter, p99`, `${camera.arrivalJitterP99.toFixed(2)} ms`, '', '']);
    rows.push([`${size} start to first frame`, `${camera.firstFrame.toFixed(2)} ms`, '', '']);
    rows.push([`${size} capture to guest, p50`, `${camera.latencyP50.toFixed(2)} ms`, '', '']);
    rows.push([`${size} frames lost`, String(camera.lost), `of ${camera.frames}`, '']);
  }
  if (decoder !== undefined)
    rows.push(['1080p H.264 decode', `${decoder.framesPerSecond.toFixed(1)} fps`, `${decoder.pictures} pictures`, '']);
  return `${report.card}\n${renderTable(['what', 'measured', 'baseline of the same run', 'ratio'], rows)}`;
}
