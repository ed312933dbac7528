// SPDX-License-Identifier: Apache-2.0
/**
 * The demo: a daemon in its own process, a guest in this one (the TypeScript driver over the real socket, shared memory and
 * eventfds), coded files through the virtual decoder and frames from the virtual camera.
 */
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DriverError, IoctlError, MediaDriver } from '@paravideo/core';
import { DaemonProcess } from '../../daemon/index.ts';
import { connectGuest, type SocketTransport } from '../../frontend/index.ts';
import { type CameraResult, runCamera } from './camera-part.ts';
import { openCodedFile } from './coded-file.ts';
import { type DecodeResult, DecodeStalled, runDecode } from './decode-part.ts';
import { DemoError } from './demo-error.ts';
import { decodeReference } from './reference.ts';
import { encodePng, type RgbaImage, toRgba } from './rgb.ts';

/** What to show. */
export interface DemoOptions {
  /** coded files; the small ones that the project made if there is none */
  readonly inputs: readonly string[];
  /** folder for the PNGs */
  readonly out: string;
  /** decoding threads per stream */
  readonly threads: number | undefined;
}

/** Told how far the demo is; steps are pictures and frames. */
export interface DemoProgress {
  begin(what: string, steps: number): void;
  step(): void;
  end(): void;
}

/** One file of the demo. */
export type FileReport = FailedFile | DecodedFile;

/** A file that was given up: it cannot be read, the decoder stalled, or the device did not do what it should. */
export interface FailedFile {
  readonly kind: 'failed';
  readonly file: string;
  readonly ok: false;
  readonly reason: string;
}

/** A file that was decoded to its end. */
export interface DecodedFile extends Omit<DecodeResult, 'sheet'> {
  readonly kind: 'decoded';
  readonly file: string;
  /** every picture equals the reference */
  readonly ok: boolean;
  /** complaints of the reference decoder: the stream is damaged */
  readonly warnings: readonly string[];
  readonly png: string | undefined;
}

/** The camera of the demo. */
export interface CameraReport extends Omit<CameraResult, 'snapshot'> {
  readonly ok: boolean;
  readonly png: string;
}

/**
 * What came of it. `ok`: every picture of every file equals the reference, and no frame of the camera was damaged. Frames that
 * a busy machine had no time for are counted, not judged: that is for the benchmarks.
 */
export interface DemoReport {
  readonly ok: boolean;
  readonly files: readonly FileReport[];
  readonly camera: CameraReport;
}

const FIXTURES = fileURLToPath(new URL('../../../fixtures/', import.meta.url));
const CAMERA = { frames: 90, rate: 30, width: 1280, height: 720 };

/** Carried streams that tests alone use: the ffmpeg command shows their lower spatial layers too, and is no reference for them. */
const FOR_TESTS = ['vp9-layers.ivf'];

/** Coded files that the project made and carries, and that are fit to be shown. */
export function carriedFiles(): string[] {
  return readdirSync(FIXTURES)
    .filter((name) => /\.(h264|h265|ivf|m2v|mjpeg|mjpg|mkv|mp4|webm)$/.test(name))
    .filter((name) => !FOR_TESTS.includes(name))
    .sort()
    .map((name) => join(FIXTURES, name));
}

/** Runs all of it. Throws `DemoError` and `DaemonProcessError`. */
export async function runDemo(options: DemoOptions, progress: DemoProgress): Promise<DemoReport> {
  mkdirSync(options.out, { recursive: true });
  const inputs = options.inputs.length > 0 ? options.inputs : carriedFiles();
  await using daemon = await DaemonProcess.start([
    { kind: 'decoder', name: 'decoder', ...(options.threads !== undefined && { threads: options.threads }) },
    { kind: 'camera', name: 'camera' },
  ]);
  const files = await withGuest(daemon.socket('decoder'), async (driver) => {
    const reports: FileReport[] = [];
    for (const input of inputs) reports.push(await tryFile(driver, input, options.out, progress, inputs.length === 1));
    return reports;
  });
  const camera = await withGuest(daemon.socket('camera'), (driver) => showCamera(driver, options.out, progress));
  return { ok: camera.ok && files.every((file) => file.ok), files, camera };
}

/** Connects to a back-end as a guest, and leaves it again whatever happens. */
export async function withGuest<T>(socket: string, use: (driver: MediaDriver) => Promise<T>, kind?: SocketTransport): Promise<T> {
  const transport = await connectGuest(socket, kind);
  try {
    const driver = await MediaDriver.attach(transport);
    try {
      return await use(driver);
    } finally {
      await driver.detach();
    }
  } finally {
    await transport.close();
  }
}

/** A file that cannot be read costs the others nothing; where it is the only one, its error is the demo's. */
async function tryFile(
  driver: MediaDriver,
  input: string,
  out: string,
  progress: DemoProgress,
  only: boolean,
): Promise<FileReport> {
  try {
    return await showFile(driver, input, out, progress);
  } catch (error) {
    if (only || !(error instanceof DemoError)) throw error;
    return { kind: 'failed', file: input, ok: false, reason: error.message };
  }
}

async function showFile(driver: MediaDriver, input: string, out: string, progress: DemoProgress): Promise<FileReport> {
  await using file = await openCodedFile(input);
  const reference = await decodeReference(input, { range: file.range, stream: file.index });
  const name = basename(input);
  progress.begin(name, reference.pictures.length);
  try {
    const { sheet, ...result } = await runDecode(driver, file, reference, () => progress.step());
    const ok = result.firstDifference === undefined && result.strayTimestamps === 0 && result.pictures > 0;
    const png = sheet && save(sheet, join(out, `${name}.png`));
    return { kind: 'decoded', file: input, ok, warnings: reference.warnings, png, ...result };
  } catch (error) {
    if (!(error instanceof DecodeStalled || error instanceof IoctlError || error instanceof DriverError)) throw error;
    return { kind: 'failed', file: input, ok: false, reason: error.message };
  } finally {
    progress.end();
  }
}

async function showCamera(driver: MediaDriver, out: string, progress: DemoProgress): Promise<CameraReport> {
  progress.begin('camera', CAMERA.frames);
  try {
    const { snapshot, ...result } = await runCamera(driver, CAMERA, () => progress.step());
    const png = save(toRgba(snapshot), join(out, 'camera.png'));
    return { ok: result.damaged === 0, png, ...result };
  } finally {
    progress.end();
  }
}

function save(image: RgbaImage, path: string): string {
  writeFileSync(path, encodePng(image));
  return path;
}
