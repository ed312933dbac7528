// SPDX-License-Identifier: Apache-2.0
/** Benchmarks of a daemon that is started for them, each number next to a baseline from the same run. */
import {
  CaptureClient,
  MediaDriver,
  StatefulDecoderClient,
  V4L2_PIX_FMT_H264,
  V4L2_PIX_FMT_NV12,
  V4L2_PIX_FMT_YUV420,
} from '@paravideo/core';
import { DaemonProcess } from '../../daemon/index.ts';
import { connectFrontend } from '../../frontend/index.ts';
import { processorTime, residentMemory } from '../../sys/index.ts';
import { percentile, withGuest } from '../demo/index.ts';
import { type CodedClip, decodeThroughDevice, decodeWithFfmpeg, makeClip, readClip, speedOf } from './decode-speed.ts';
import { HelperProcess } from './helper-process.ts';
import { blockingLatency, ioctlLatency, pingPongLatency, type RoundTrip } from './latency.ts';
import { residentTree } from './process-memory.ts';

/** A round trip and what others take at least, in the same state of the machine. */
export interface LatencyReport {
  readonly ioctl: RoundTrip;
  /** two event loops that do nothing else */
  readonly pingPong: RoundTrip;
  /** two processes that block */
  readonly blocking: RoundTrip;
  /** seconds of processor time that the daemon spent on each ioctl, its other work of the time included */
  readonly processor: number;
}

/** Decoding speed without the set-up of either side; medians of the runs, in pictures per second. */
export interface SpeedReport {
  readonly threads: number;
  /** pixel format of the pictures */
  readonly format: 'YU12' | 'NV12';
  readonly device: number;
  readonly ffmpeg: number;
  /** median of what each run is to the ffmpeg run beside it: the clock of a shared machine wanders between them */
  readonly ratio: number;
  /** seconds from opening a session to its first picture */
  readonly first: number;
  readonly runs: number;
  readonly pictureBytes: number;
  /** seconds of processor time that the daemon spent on each picture, without the codec process */
  readonly processor: number;
}

/** Bytes per frame that the daemon's threads copied, and what one frame has. */
export interface CopyReport {
  readonly camera: { readonly copied: number; readonly frame: number };
  readonly decoder: { readonly copied: number; readonly written: number; readonly frame: number };
}

/** Resident bytes. */
export interface MemoryReport {
  /** the daemon with nobody connected */
  readonly idle: number;
  /** what one connected guest of the decoder adds, its codec process included */
  readonly guest: number;
  /** what one more open decoder session adds */
  readonly session: number;
}

/** All of it. */
export interface BenchReport {
  readonly startMillis: number;
  readonly idle: LatencyReport;
  readonly loaded: LatencyReport;
  /** one entry per number of threads */
  readonly decode: readonly SpeedReport[];
  readonly copies: CopyReport;
  readonly memory: MemoryReport;
}

const RUNS = 7;

/** Pictures of the two clips whose difference is measured. */
const [SHORT, LONG] = [300, 1200];

/** YU12 is what ffmpeg's decoder gives as well; NV12, what most programs take, is woven together on the way. */
const FORMATS = { YU12: V4L2_PIX_FMT_YUV420, NV12: V4L2_PIX_FMT_NV12 } as const;
const SESSIONS = 8;

/** Runs the benchmarks: about five minutes. `threads`: numbers of threads to decode with, for both decoders. `say` is told what is being measured. */
export async function runBench(
  options: { out: string; threads: readonly number[] },
  say: (what: string) => void,
): Promise<BenchReport> {
  say('making the 1080p clips');
  const short = await readClip(makeClip(options.out, SHORT));
  const long = await readClip(makeClip(options.out, LONG));
  say('round trips');
  const { idle, loaded, startMillis } = await roundTrips();
  const decode: SpeedReport[] = [];
  let decoder: CopyReport['decoder'] = { copied: 0, written: 0, frame: 0 };
  for (const threads of options.threads) {
    const speed = await decoding(short, long, threads, (run) => say(`decoding, threads: ${threads}, run ${run} of ${RUNS}`));
    decode.push(...speed.decode);
    decoder = speed.decoder;
  }
  say('copies of the camera');
  const camera = await cameraCopies();
  say('memory');
  return { startMillis, idle, loaded, decode, copies: { camera, decoder }, memory: await memory() };
}

async function roundTrips(): Promise<{ idle: LatencyReport; loaded: LatencyReport; startMillis: number }> {
  await using daemon = await DaemonProcess.start([{ kind: 'camera', name: 'camera', sockets: 3 }]);
  return await withGuest(daemon.socket('camera'), async (driver) => {
    const session = await driver.open();
    const measured = async (): Promise<LatencyReport> => {
      const before = processorTime(daemon.pid) ?? Number.NaN;
      const ioctl = await ioctlLatency(session);
      const spent = (processorTime(daemon.pid) ?? Number.NaN) - before;
      const processor = spent / ioctl.calls;
      return { ioctl, pingPong: await pingPongLatency(), blocking: await blockingLatency(), processor };
    };
    const idle = await measured();
    const guest = (index: number) => HelperProcess.start('streaming-guest-process', [daemon.socket('camera', index)]);
    await using _first = await guest(1);
    await using _second = await guest(2);
    const loaded = await measured();
    await session.close();
    return { idle, loaded, startMillis: daemon.startMillis };
  });
}

/** A decoder with as many threads: each of `FORMATS` and ffmpeg in turns. */
async function decoding(
  short: CodedClip,
  long: CodedClip,
  threads: number,
  say: (run: number) => void,
): Promise<{ decode: readonly SpeedReport[]; decoder: CopyReport['decoder'] }> {
  const daemon = await DaemonProcess.start([{ kind: 'decoder', name: 'decoder', threads }], { log: 'info' });
  await using _ended = daemon;
  const device: Record<SpeedReport['format'], { speed: number; first: number }[]> = { YU12: [], NV12: [] };
  const ffmpeg: number[] = [];
  let [pictures, bytes, processor] = [0, 0, 0];
  await withGuest(daemon.socket('decoder'), async (driver) => {
    const decode = async (clip: CodedClip, output: number) => {
      const before = processorTime(daemon.pid) ?? Number.NaN;
      const run = await decodeThroughDevice(driver, clip, output);
      processor += (processorTime(daemon.pid) ?? Number.NaN) - before;
      pictures += run.pictures;
      bytes += run.bytes;
      return run;
    };
    // the codec process loads its library when the first guest comes; that is not part of decoding
    await decode({ ...short, units: short.units.slice(0, 30) }, FORMATS.YU12);
    for (let i = 0; i < RUNS; i++) {
      say(i + 1);
      // ffmpeg leaves the machine's caches to the run after it, so the formats take that place in turns.
      const formats = Object.entries(FORMATS);
      for (const [format, output] of i % 2 === 0 ? formats : formats.reverse()) {
        const once = await decode(short, output);
        const speed = speedOf(once, await decode(long, output));
        device[format as SpeedReport['format']].push({ speed, first: once.first });
      }
      ffmpeg.push(speedOf(decodeWithFfmpeg(short, threads), decodeWithFfmpeg(long, threads)));
    }
  });
  await daemon.stop();
  const pictureBytes = bytes / pictures;
  const decode = Object.entries(device).map(([format, runs]) => ({
    threads,
    format: format as SpeedReport['format'],
    device: median(runs.map(({ speed }) => speed)),
    ffmpeg: median(ffmpeg),
    ratio: median(runs.map(({ speed }, i) => speed / (ffmpeg[i] ?? Number.NaN))),
    first: median(runs.map(({ first }) => first)),
    runs: RUNS,
    pictureBytes,
    processor: processor / pictures,
  }));
  return { decode, decoder: { copied: copiedBytes(daemon) / pictures, written: pictureBytes, frame: (1920 * 1080 * 3) / 2 } };
}

const median = (values: readonly number[]): number => percentile(values, 0.5);

async function cameraCopies(): Promise<CopyReport['camera']> {
  const daemon = await DaemonProcess.start([{ kind: 'camera', name: 'camera', size: '1920x1080' }], { log: 'info' });
  await using _ended = daemon;
  const frames = 60;
  const frame = await withGuest(daemon.socket('camera'), async (driver) => {
    const client = await CaptureClient.open(driver);
    const { layout } = await client.configure({ width: 1920, height: 1080, pixelformat: V4L2_PIX_FMT_NV12 });
    await client.start();
    for (let i = 0; i < frames; i++) await client.next();
    await client.close();
    return layout.sizes.reduce((sum, size) => sum + size, 0);
  });
  await daemon.stop();
  return { copied: copiedBytes(daemon) / frames, frame };
}

/** What the daemon says in its last line that its threads copied. */
function copiedBytes(daemon: DaemonProcess): number {
  return Number(/"copies":\{[^}]*"bytes":(\d+)/.exec(daemon.log)?.[1] ?? Number.NaN);
}

async function memory(): Promise<MemoryReport> {
  await using daemon = await DaemonProcess.start([{ kind: 'decoder', name: 'decoder' }]);
  const idle = residentMemory(daemon.pid) ?? Number.NaN;
  const transport = await connectFrontend(daemon.socket('decoder'));
  try {
    const driver = await MediaDriver.attach(transport);
    const coded = V4L2_PIX_FMT_H264;
    const first = await StatefulDecoderClient.open(driver, { coded, inputSize: 1 << 20 });
    await settle();
    const guest = residentTree(daemon.pid);
    const clients: StatefulDecoderClient[] = [];
    for (let i = 0; i < SESSIONS; i++) clients.push(await StatefulDecoderClient.open(driver, { coded, inputSize: 1 << 20 }));
    await settle();
    const sessions = residentTree(daemon.pid);
    for (const client of [first, ...clients]) await client.close();
    await driver.detach();
    return { idle, guest: guest - idle, session: (sessions - guest) / SESSIONS };
  } finally {
    await transport.close();
  }
}

/** Lets processes that were just started come to rest. */
const settle = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 1500));
