// SPDX-License-Identifier: Apache-2.0
/** Mutated media files as cameras, several a daemon, with a decoder of another guest beside them. */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CaptureClient, IoctlError } from '@paravideo/core';
import type { Random } from '@paravideo/core/testing';
import { DaemonProcess, DaemonProcessError } from '../../packages/host/src/daemon/index.ts';
import { FuzzError } from './fuzz-error.ts';
import { asGuest } from './guest-connection.ts';
import { goodStream, guarded } from './media-streams.ts';
import { mutated } from './mutation.ts';

/** Containers, and how the ffmpeg command is told to make one. */
const CONTAINERS = {
  mp4: ['-c:v', 'libx264', '-g', '5', '-pix_fmt', 'yuv420p'],
  mov: ['-c:v', 'mjpeg', '-pix_fmt', 'yuvj420p'],
  mkv: ['-c:v', 'libx265', '-x265-params', 'log-level=error', '-pix_fmt', 'yuv420p'],
  webm: ['-c:v', 'libvpx-vp9', '-pix_fmt', 'yuv420p'],
  avi: ['-c:v', 'mjpeg', '-pix_fmt', 'yuvj420p'],
} as const;

/** A container whose files are mutated. */
export type Container = keyof typeof CONTAINERS;
export const CONTAINER_NAMES = Object.keys(CONTAINERS) as readonly Container[];

/** What a camera made of a file: frames, an errno, nothing in time, or the daemon refused the file at its start. */
export type Filmed = 'frames' | 'errno' | 'nothing' | 'refused';

/** Milliseconds in which a camera may show something. */
const PATIENCE = 3000;

/** Makes a good file of each container in a folder; their bytes. */
export function makeFiles(folder: string): ReadonlyMap<Container, Buffer> {
  return new Map(
    CONTAINER_NAMES.map((name) => {
      const file = join(folder, `good.${name}`);
      const input = ['-f', 'lavfi', '-i', 'testsrc2=size=96x64:rate=25:duration=0.6'];
      execFileSync('ffmpeg', ['-nostdin', '-v', 'error', '-y', ...input, ...CONTAINERS[name], file]);
      return [name, readFileSync(file)] as const;
    }),
  );
}

/** One mutated file of each container in a daemon of its own. Throws `FuzzError` for what must not be. */
export async function fuzzFiles(
  folder: string,
  good: ReadonlyMap<Container, Buffer>,
  random: Random,
): Promise<ReadonlyMap<Container, Filmed>> {
  const results = new Map<Container, Filmed>();
  const names = [...good.keys()];
  for (const [name, bytes] of good) writeFileSync(join(folder, `bad.${name}`), mutated(bytes, random));
  await using daemon = await start(folder, names, results);
  const filming = names
    .filter((name) => !results.has(name))
    .map(async (name) => {
      results.set(name, await guarded(film(daemon.socket(name)), `a camera of a mutated ${name}`));
    });
  await Promise.all([...filming, asGuest(daemon.socket('decoder'), goodStream)]);
  const status = daemon.running ? await daemon.stop() : 'no status: it was dead';
  if (status !== 0) throw new FuzzError(`the daemon ended with ${status}: ${daemon.log}`);
  return results;
}

/** A file that the daemon refuses, by name, is left out. */
async function start(folder: string, names: readonly Container[], results: Map<Container, Filmed>): Promise<DaemonProcess> {
  for (;;) {
    const left = names.filter((name) => !results.has(name));
    try {
      return await DaemonProcess.start(
        [...left.map((name) => ({ kind: 'camera' as const, name, source: name })), { kind: 'decoder', name: 'decoder' }],
        { sources: Object.fromEntries(left.map((name) => [name, { file: join(folder, `bad.${name}`) }])) },
      );
    } catch (error) {
      if (!(error instanceof DaemonProcessError)) throw error;
      const refused = left.find((name) => error.message.includes(`bad.${name}`));
      if (refused === undefined) throw new FuzzError(`the daemon does not start, and names no file: ${error.message}`);
      results.set(refused, 'refused');
    }
  }
}

async function film(socket: string): Promise<Filmed> {
  return asGuest(socket, async (driver) => {
    const late = Promise.withResolvers<'nothing'>();
    const timer = setTimeout(() => late.resolve('nothing'), PATIENCE);
    const client = await CaptureClient.open(driver, { buffers: 4 });
    const look = async (): Promise<Filmed> => {
      try {
        await client.configure({ width: 96, height: 64 });
        await client.start();
        for (let i = 0; i < 20; i += 1) await client.next();
        return 'frames';
      } catch (error) {
        if (error instanceof IoctlError) return 'errno';
        throw error;
      }
    };
    const looking = look();
    const seen = await Promise.race([looking, late.promise]);
    clearTimeout(timer);
    await client.close();
    await looking.catch(() => {});
    return seen;
  });
}
