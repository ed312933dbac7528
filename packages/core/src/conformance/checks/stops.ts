// SPDX-License-Identifier: Apache-2.0
/** A device whose rings are stopped: what its guest has is left alone, and what it does goes on afterwards. */

import { CaptureClient } from '../../driver/clients/capture-client.ts';
import type { CodedChunk } from '../../driver/clients/decoder-client-types.ts';
import type { BufferKind } from '../../driver/media/buffer-set.ts';
import type { MediaDriver } from '../../driver/media/media-driver.ts';
import { IoctlError } from '../../driver/rings/errors.ts';
import type { PictureLayout } from '../../picture/index.ts';
import type { GuestBlock } from '../../virtio-device/driver-transport.ts';
import type { ConformanceCheck } from '../check.ts';
import type { CheckContext } from '../check-context.ts';
import { CheckFailure, mustEqual, skip } from '../verdict.ts';

const BUFFERS = 8;
/** Microseconds in which the driver has taken what came before the stop; and in which a device shows that it does not stop. */
const SETTLE = 100_000;
const WATCH = 500_000;
const DECODE = 20_000_000;

/** All memory that the driver has of its guest: rings, payloads, and buffers in guest pages. */
type GuestBlocks = readonly GuestBlock[];

/**
 * Stops the device's rings, as a VMM does that pauses its machine; no byte of the guest changes until they start again. Buffers
 * of `pictures` are the device's alone; elsewhere the driver may still be at work on what came before the stop.
 */
async function stopAndGo(ctx: CheckContext, blocks: GuestBlocks, pictures: PictureLayout): Promise<void> {
  const { transport } = ctx;
  await ctx.waitFor(transport.pause?.() ?? Promise.resolve(), 'the stop of the rings');
  try {
    const isPicture = ({ bytes }: GuestBlock): boolean => pictures.sizes.includes(bytes.length);
    const before = new Map<GuestBlock, Uint8Array>();
    for (const block of blocks) if (isPicture(block)) before.set(block, block.bytes.slice());
    await ctx.quiet(SETTLE);
    for (const block of blocks) if (!before.has(block)) before.set(block, block.bytes.slice());
    await ctx.quiet(WATCH);
    const changed = [...before]
      .map(([block, bytes]) => ({ block, bytes: count(block.bytes, bytes) }))
      .filter(({ bytes }) => bytes > 0);
    const [first] = changed;
    if (first === undefined) return;
    const sum = changed.reduce((total, { bytes }) => total + bytes, 0);
    const place = `the ${first.block.bytes.length} bytes at 0x${first.block.address.toString(16)}`;
    throw new CheckFailure(`${sum} bytes of guest memory changed while the rings were stopped, the first of them in ${place}`);
  } finally {
    await ctx.waitFor(transport.resume?.() ?? Promise.resolve(), 'the start of the rings');
  }
}

function count(bytes: Uint8Array, before: Uint8Array): number {
  let changed = 0;
  for (let i = 0; i < bytes.length; i++) if (bytes[i] !== before[i]) changed += 1;
  return changed;
}

/** A driver whose memory is known. Skips the check where the transport cannot stop a device without resetting it. */
async function watched(ctx: CheckContext, use: (driver: MediaDriver, blocks: GuestBlocks) => Promise<void>): Promise<void> {
  const { transport } = ctx;
  if (transport.pause === undefined || transport.resume === undefined)
    skip('the transport cannot stop rings and go on with them');
  const blocks: GuestBlock[] = [];
  const allocate = transport.allocate;
  transport.allocate = (length, align) => {
    const block = allocate.call(transport, length, align);
    blocks.push(block);
    return block;
  };
  try {
    await ctx.withDriver({}, async (driver) => {
      await driver.start();
      await use(driver, blocks);
    });
  } finally {
    transport.allocate = allocate;
  }
}

/** Guest pages, where the device takes them: they are what a device that does not stop writes to. */
async function inGuestPages(use: (memory: BufferKind) => Promise<void>): Promise<void> {
  try {
    await use('shared-pages');
  } catch (error) {
    if (!(error instanceof IoctlError) || error.request !== 'VIDIOC_REQBUFS') throw error;
    await use('mmap');
  }
}

/** See the top of the file. */
export const stopChecks: readonly ConformanceCheck[] = [
  {
    ids: ['STOP'],
    title: 'no byte of guest memory changes while the rings are stopped; then the stream goes on',
    section: 'vhost-user, Ring states; PCI, bus master enable',
    applies: 'capture',
    async run(ctx) {
      await watched(ctx, (driver, blocks) =>
        inGuestPages(async (memory) => {
          const client = await ctx.waitFor(CaptureClient.open(driver, { memory, buffers: BUFFERS }), 'the answer to OPEN');
          ctx.cleanup(() => client.session.close());
          await ctx.waitFor(client.start(), 'the start of the camera');
          const { layout } = await ctx.waitFor(client.next(), 'the first frame');
          await stopAndGo(ctx, blocks, layout);
          // More than were queued when it stopped: each buffer is filled, comes back, and is filled again.
          for (let i = 0; i <= BUFFERS; i++) await ctx.waitFor(client.next(), `frame ${i} after the stop`);
          await ctx.waitFor(client.stop(), 'the end of the stream');
        }),
      );
    },
  },
  {
    ids: ['STOP'],
    title: 'no byte of guest memory changes while the rings are stopped; then the decoder goes on, and no picture is lost',
    section: 'vhost-user, Ring states; PCI, bus master enable',
    applies: 'decoder',
    async run(ctx) {
      await watched(ctx, (driver, blocks) =>
        inGuestPages(async (memory) => {
          const { client, chunks, stream } = await ctx.decoder({ memory, inputMemory: memory }, driver);
          const gate = { open: Promise.resolve() };
          // The program does not go on while its machine is paused.
          async function* held(): AsyncGenerator<CodedChunk> {
            for (const chunk of chunks) {
              await gate.open;
              yield chunk;
            }
          }
          const pictures = client.decode(held());
          let seen = 0;
          for (;;) {
            const { done, value } = await ctx.waitFor(pictures.next(), 'the next picture', DECODE);
            if (done === true) break;
            seen += 1;
            if (seen !== 1) continue;
            const { promise, resolve } = Promise.withResolvers<void>();
            gate.open = promise;
            await stopAndGo(ctx, blocks, value.layout);
            resolve();
          }
          if (stream.pictures !== undefined) mustEqual(seen, stream.pictures, 'the number of pictures');
        }),
      );
    },
  },
];
