// SPDX-License-Identifier: Apache-2.0
/**
 * What a copy of a frame costs by itself: at the pace of the source another thread writes a frame into one of eight places, as a source
 * does, and this one copies it into one of four, as a guest's buffers are; only the copy is timed. Says "ready"; a line with a number has
 * it count over as many frames, and answer with the processor time of one copy, in seconds.
 */
import { createInterface } from 'node:readline';
import { Worker } from 'node:worker_threads';
import { LinuxClock } from '../../packages/host/src/clock/index.ts';
import { Pacer } from '../../packages/host/src/sources/pacer.ts';
import { copyMemory, MemoryMapping, memfd, PAGE_SIZE, threadTime } from '../../packages/host/src/sys/index.ts';
import type { Drawing } from './drawer.ts';
import { FPS, PICTURE_BYTES } from './rate.ts';

/** Addresses of places for frames in a memfd of their own, as pools and arenas are; they stay for good. */
function places(count: number): readonly number[] {
  const size = Math.ceil(PICTURE_BYTES / PAGE_SIZE) * PAGE_SIZE;
  using fd = memfd('copier', count * size);
  const { address } = MemoryMapping.map(fd, 0, count * size, { writable: true });
  return Array.from({ length: count }, (_, i) => address + i * size);
}

const [sources, targets] = [places(8), places(4)];
let [wanted, copies, time] = [0, 0, 0];

const drawer = new Worker(new URL('./drawer.ts', import.meta.url));
drawer.on('message', (address: number) => {
  const before = threadTime();
  copyMemory(targets[copies % targets.length] ?? Number.NaN, address, PICTURE_BYTES);
  time += threadTime() - before;
  copies++;
  if (copies === wanted) process.stdout.write(`${time / copies}\n`);
});
new Pacer(new LinuxClock(), { numerator: 1, denominator: FPS }, ({ index }) => {
  const address = sources[index % sources.length] ?? Number.NaN;
  drawer.postMessage({ address, length: PICTURE_BYTES, value: index % 256 } satisfies Drawing);
});
process.stdout.write('ready\n');
createInterface(process.stdin)
  .on('line', (line) => {
    [wanted, copies, time] = [Number(line), 0, 0];
  })
  .on('close', () => process.exit(0));
