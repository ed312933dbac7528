// SPDX-License-Identifier: Apache-2.0
/** A stateful decoder, run as the kernel's document tells programs to run it. Needs a stream that the device decodes. */
import type { StatefulDecoderClient } from '../../driver/clients/decoder-client.ts';
import type { CodedChunk } from '../../driver/clients/decoder-client-types.ts';
import { IoctlError } from '../../driver/rings/errors.ts';
import { Errno } from '../../wire/errno.gen.ts';
import { VIRTIO_MEDIA_EVT_DQBUF, VIRTIO_MEDIA_EVT_EVENT, virtio_media_event_event } from '../../wire/media/virtio-media.ts';
import { VIDIOC_TRY_DECODER_CMD } from '../../wire/v4l2/ioctls.gen.ts';
import {
  V4L2_EVENT_EOS,
  V4L2_EVENT_SOURCE_CHANGE,
  V4L2_SEL_TGT_COMPOSE,
  V4L2_SEL_TGT_CROP_BOUNDS,
} from '../../wire/v4l2/videodev2-constants.gen.ts';
import type { ConformanceCheck } from '../check.ts';
import { type CheckContext, stamp } from '../check-context.ts';
import { must, mustEqual, skip } from '../verdict.ts';

const DECODE = 20_000_000;

interface SeenPicture {
  readonly timestamp: Uint8Array;
  readonly sequence: number;
}

/** Decodes all chunks and drains. */
async function decode(ctx: CheckContext, client: StatefulDecoderClient, chunks: readonly CodedChunk[]): Promise<SeenPicture[]> {
  const run = async (): Promise<SeenPicture[]> => {
    const seen: SeenPicture[] = [];
    for await (const picture of client.decode(chunks)) seen.push({ timestamp: picture.timestamp, sequence: picture.sequence });
    return seen;
  };
  return ctx.waitFor(run(), 'the end of the stream', DECODE);
}

const keyOf = (timestamp: Uint8Array): string => timestamp.join(',');

function known(seen: readonly SeenPicture[], chunks: readonly CodedChunk[]): void {
  const stamps = new Set(chunks.map((chunk) => keyOf(chunk.timestamp)));
  for (const { timestamp } of seen)
    must(stamps.has(keyOf(timestamp)), `a picture has the timestamp ${keyOf(timestamp)}, which no chunk had`);
}

/** See the top of the file. */
export const decoderChecks: readonly ConformanceCheck[] = [
  {
    ids: ['VM-DX10', 'VM-DX11', 'VM-DX12', 'P8', 'DEC'],
    title: 'a stream decodes to its pictures, timestamps copied bit by bit, and each QBUF ends in one EVT_DQBUF',
    section: 'dev-decoder, Decoding and Drain',
    applies: 'decoder',
    async run(ctx) {
      const { client, chunks, stream } = await ctx.decoder();
      const events = ctx.tap();
      const seen = await decode(ctx, client, chunks);
      must(seen.length > 0, 'no picture came');
      if (stream.pictures !== undefined) mustEqual(seen.length, stream.pictures, 'the number of pictures');
      known(seen, chunks);
      seen.forEach((picture, i) => {
        mustEqual(picture.sequence, i, `the sequence number of picture ${i}`);
      });
      for (const type of [ctx.captureType, ctx.outputType]) {
        mustEqual(client.session.queue(type).surplus, 0, `events of queue ${type} for buffers that were not queued`);
      }
      for (const bytes of events) {
        const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
        const kind = view.getUint32(0, true);
        if (kind === VIRTIO_MEDIA_EVT_DQBUF) mustEqual(bytes.length, 608, 'the length of EVT_DQBUF');
        if (kind !== VIRTIO_MEDIA_EVT_EVENT) continue;
        const type = virtio_media_event_event.fields.event.fields.type.get(view, 0);
        must(
          type === V4L2_EVENT_SOURCE_CHANGE || type === V4L2_EVENT_EOS,
          `an event of type ${type} came, which was not subscribed to`,
        );
      }
    },
  },
  {
    ids: ['DEC'],
    title: 'after LAST comes EPIPE; DECODER_CMD START goes on with the next stream',
    section: 'dev-decoder, Drain',
    applies: 'decoder',
    async run(ctx) {
      const { client, chunks } = await ctx.decoder();
      const first = await decode(ctx, client, chunks);
      try {
        client.session.tryDqbuf(ctx.captureType);
        must(false, 'DQBUF after LAST did not fail');
      } catch (error) {
        if (!(error instanceof IoctlError)) throw error;
        mustEqual(error.errno, Errno.EPIPE, 'the errno of DQBUF after LAST');
      }
      const again = chunks.map((chunk, i) => ({ ...chunk, timestamp: stamp(1000 + i) }));
      const second = await decode(ctx, client, again);
      mustEqual(second.length, first.length, 'the number of pictures of the same stream sent again');
      known(second, again);
    },
  },
  {
    ids: ['DEC'],
    title: 'a seek forgets what was before it',
    section: 'dev-decoder, Seek',
    applies: 'decoder',
    async run(ctx) {
      const { client, chunks, stream } = await ctx.decoder({ inputBuffers: 4 });
      const some = chunks.slice(0, Math.max(1, chunks.length >> 1));
      const sending = (async (): Promise<void> => {
        for (const chunk of some) if (!(await client.send(chunk))) return;
      })();
      sending.catch(() => {});
      await ctx.waitFor(client.next(), 'the first picture');
      await ctx.waitFor(client.seek(), 'the seek');
      await ctx.waitFor(sending, 'the end of sending');
      const again = chunks.map((chunk, i) => ({ ...chunk, timestamp: stamp(5000 + i) }));
      const seen = await decode(ctx, client, again);
      known(seen, again);
      if (stream.pictures !== undefined) mustEqual(seen.length, stream.pictures, 'the number of pictures after the seek');
    },
  },
  {
    ids: ['VM-DX10', 'P8'],
    title: 'no EVT_DQBUF of a queue follows the answer to its STREAMOFF',
    section: 'existing Linux drivers',
    applies: 'decoder',
    async run(ctx) {
      const { client, chunks } = await ctx.decoder({ inputBuffers: 4 });
      const sending = (async (): Promise<void> => {
        for (const chunk of chunks) if (!(await client.send(chunk))) return;
      })().catch(() => {});
      await ctx.waitFor(client.next(), 'the first picture');
      const session = client.session;
      await ctx.waitFor(session.streamoff(ctx.outputType), 'the answer to STREAMOFF of OUTPUT');
      await ctx.waitFor(session.streamoff(ctx.captureType), 'the answer to STREAMOFF of CAPTURE');
      await ctx.waitFor(sending, 'the end of sending');
      const events = ctx.tap();
      await ctx.quiet();
      const late = events.filter((bytes) => bytes[0] === VIRTIO_MEDIA_EVT_DQBUF && bytes[4] === (session.id & 0xff));
      mustEqual(late.length, 0, 'the number of EVT_DQBUFs after STREAMOFF');
    },
  },
  {
    ids: ['P9'],
    title: 'events wait for event buffers: with one posted now and then no buffer and no V4L2 event is lost',
    section: 'existing Linux drivers',
    applies: 'decoder',
    async run(ctx) {
      await ctx.withDriver({ eventBuffers: 0 }, async (driver) => {
        await driver.start();
        const { client, chunks, stream } = await ctx.decoder({}, driver);
        const state = { done: false };
        const playing = decode(ctx, client, chunks).finally(() => {
          state.done = true;
        });
        playing.catch(() => {});
        const step = (): boolean => {
          // A full ring is fine: the device has buffers then.
          driver.postEvents(1);
          return state.done;
        };
        await ctx.until(step, 'the end of the stream', DECODE);
        const seen = await ctx.waitFor(playing, 'the end of the stream', DECODE);
        if (stream.pictures !== undefined) mustEqual(seen.length, stream.pictures, 'the number of pictures');
        known(seen, chunks);
        const coded = client.session.queue(ctx.outputType);
        await ctx.until(() => step() && coded.queued === 0, 'the return of every coded buffer');
      });
    },
  },
  {
    ids: ['DEC'],
    title: 'the visible rectangle lies inside the coded size',
    section: 'dev-decoder, Capture Setup',
    applies: 'decoder',
    async run(ctx) {
      const { client, chunks } = await ctx.decoder();
      const sending = client.send(chunks[0] as CodedChunk).then(() => client.drain());
      sending.catch(() => {});
      await ctx.waitFor(client.next(), 'the first picture');
      await ctx.waitFor(sending, 'the drain');
      const { width, height } = client.layout;
      for (const target of [V4L2_SEL_TGT_COMPOSE, V4L2_SEL_TGT_CROP_BOUNDS]) {
        // The kernel hands selections on with the single-planar type.
        const rect = await ctx.waitFor(client.session.gSelection(1, target), 'the answer to G_SELECTION');
        must(rect.width > 0 && rect.height > 0, `target ${target} is an empty rectangle`);
        must(
          rect.left + rect.width <= width && rect.top + rect.height <= height,
          `target ${target} is outside ${width}x${height}`,
        );
      }
    },
  },
  {
    ids: ['DEC'],
    title: 'a decoder command that does not exist is EINVAL',
    section: 'VIDIOC_DECODER_CMD',
    applies: 'decoder',
    async run(ctx) {
      const session = await ctx.session();
      if (await ctx.takesPictures(session)) skip('the device takes pictures: it encodes');
      const payload = new Uint8Array(72);
      payload[0] = 99;
      mustEqual(
        (await ctx.rawIoctl(session.id, VIDIOC_TRY_DECODER_CMD, payload)).status,
        Errno.EINVAL,
        'the status of command 99',
      );
    },
  },
];
