// SPDX-License-Identifier: Apache-2.0
/** A program of a guest that has a memory-to-memory node encode or decode, and files of its frames as v4l2-ctl has them. */
import {
  type BufferKind,
  BufferSet,
  type DriverFormat,
  type DriverSession,
  type FormatRequest,
  V4L2_BUF_FLAG_LAST,
  V4L2_BUF_TYPE_VIDEO_CAPTURE,
  V4L2_BUF_TYPE_VIDEO_OUTPUT,
  V4L2_DEC_CMD_STOP,
  V4L2_ENC_CMD_STOP,
  V4L2_EVENT_SOURCE_CHANGE,
} from '../../../packages/core/src/index.ts';

const OUTPUT = V4L2_BUF_TYPE_VIDEO_OUTPUT;
const CAPTURE = V4L2_BUF_TYPE_VIDEO_CAPTURE;
const BUFFERS = 4;

/** What a node makes of frames: a single-planar one. */
export async function encode(
  session: DriverSession,
  frames: readonly Uint8Array[],
  raw: Omit<FormatRequest, 'type'>,
  coded: number,
  kind: BufferKind,
): Promise<readonly Uint8Array[]> {
  const source = await session.sFmt({ type: OUTPUT, ...raw });
  const target = await session.sFmt({ type: CAPTURE, ...raw, pixelformat: coded });
  const made = await collected(session, target, kind);
  await fed(session, source, frames, kind);
  await session.encoderCmd(V4L2_ENC_CMD_STOP);
  return made.frames;
}

/** What a stateful decoder makes of coded frames: pictures as the node lays them out. */
export async function decode(
  session: DriverSession,
  frames: readonly Uint8Array[],
  coded: Omit<FormatRequest, 'type'>,
  kind: BufferKind,
): Promise<readonly Uint8Array[]> {
  await session.subscribeEvent(V4L2_EVENT_SOURCE_CHANGE);
  const source = await session.sFmt({ type: OUTPUT, ...coded });
  const feeding = fed(session, source, frames, kind).then(() => session.decoderCmd(V4L2_DEC_CMD_STOP));
  await session.nextEvent();
  const made = await collected(session, await session.gFmt(CAPTURE), kind);
  await feeding;
  return made.frames;
}

/** Queues frames one after another; resolves when the last one is queued. */
async function fed(session: DriverSession, format: DriverFormat, frames: readonly Uint8Array[], kind: BufferKind): Promise<void> {
  const buffers = await BufferSet.create(session, format, BUFFERS, kind, 'read-write');
  const free = Array.from({ length: buffers.count }, (_, i) => i);
  await session.streamon(format.type);
  for (const frame of frames) {
    const index = free.pop() ?? (await session.dqbuf(format.type)).index;
    buffers.plane(index, 0)?.set(frame);
    await buffers.queue(index, { bytesused: [frame.length] });
  }
}

/** Begins to take what comes; `frames` resolves after the last one. */
async function collected(
  session: DriverSession,
  format: DriverFormat,
  kind: BufferKind,
): Promise<{ readonly frames: Promise<readonly Uint8Array[]> }> {
  const buffers = await BufferSet.create(session, format, BUFFERS, kind, 'read');
  for (let index = 0; index < buffers.count; index++) await buffers.queue(index);
  await session.streamon(format.type);
  const frames = (async () => {
    const seen: Uint8Array[] = [];
    for (;;) {
      const { index, flags, planes } = await session.dqbuf(format.type);
      const used = planes[0]?.bytesused ?? 0;
      if (used > 0) seen.push(buffers.plane(index, 0)?.slice(0, used) ?? new Uint8Array(0));
      if ((flags & V4L2_BUF_FLAG_LAST) !== 0) return seen;
      await buffers.queue(index);
    }
  })();
  return { frames };
}

/** `Vhdr`, the last letter first */
const HEADER = 0x72646856;

/** A file of frames of different lengths as v4l2-ctl --stream-to-hdr writes it: a mark and a length before each. */
export function withHeaders(frames: readonly Uint8Array[]): Buffer {
  return Buffer.concat(
    frames.flatMap((frame) => {
      const header = Buffer.alloc(8);
      header.writeUInt32BE(HEADER, 0);
      header.writeUInt32BE(frame.length, 4);
      return [header, frame];
    }),
  );
}

/** The frames of such a file. */
export function withoutHeaders(file: Buffer): readonly Uint8Array[] {
  const frames: Uint8Array[] = [];
  for (let at = 0; at < file.length; ) {
    if (file.readUInt32BE(at) !== HEADER) throw new RangeError(`no frame begins at ${at}`);
    const length = file.readUInt32BE(at + 4);
    frames.push(file.subarray(at + 8, at + 8 + length));
    at += 8 + length;
  }
  return frames;
}
