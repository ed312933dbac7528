// SPDX-License-Identifier: Apache-2.0
/** Ioctl calls by hand, for tests of devices without the protocol. */
import type { GuestRange } from '../../ports/index.ts';
import { v4l2_buffer, v4l2_plane } from '../../wire/index.ts';
import type { DequeueTicket, IoctlCall, SessionEvents } from './media-device.ts';

/** A call with a payload of `size` bytes of `dirt`, and memory that is never there. */
export function makeCall(
  nr: number,
  size: number,
  o: { planes?: number; lists?: readonly (readonly GuestRange[])[]; dirt?: number } = {},
): IoctlCall {
  return {
    nr,
    payload: new DataView(new Uint8Array(size).fill(o.dirt ?? 0).buffer),
    planes: new DataView(new ArrayBuffer((o.planes ?? 0) * v4l2_plane.size)),
    controls: new DataView(new ArrayBuffer(0)),
    lists: o.lists ?? [],
    memory: { read: () => undefined, write: () => false },
    payloadOnError: false,
  };
}

/** One EVT_DQBUF as a test wants to see it. */
export interface SeenBuffer {
  readonly index: number;
  readonly flags: number;
  readonly sequence: number;
  readonly bytesUsed: number;
  /** microseconds */
  readonly timestamp: number;
  readonly planes: readonly number[];
}

/** Keeps what a session sends. */
export class SeenEvents implements SessionEvents {
  readonly buffers: SeenBuffer[] = [];
  readonly events: DataView[] = [];
  readonly errors: number[] = [];

  dequeue(buffer: DataView, planes: DataView | undefined): DequeueTicket | undefined {
    const f = v4l2_buffer.fields;
    const count = (planes?.byteLength ?? 0) / v4l2_plane.size;
    this.buffers.push({
      index: f.index.get(buffer, 0),
      flags: f.flags.get(buffer, 0),
      sequence: f.sequence.get(buffer, 0),
      bytesUsed: f.bytesused.get(buffer, 0),
      timestamp: Number(f.timestamp.fields.tv_sec.get(buffer, 0)) * 1_000_000 + Number(f.timestamp.fields.tv_usec.get(buffer, 0)),
      planes: Array.from({ length: count }, (_, i) => v4l2_plane.fields.bytesused.get(planes ?? buffer, i * v4l2_plane.size)),
    });
    return undefined;
  }

  buffersFreed(): void {}

  event(event: DataView): void {
    this.events.push(new DataView(event.buffer.slice(0)));
  }

  error(errno: number): void {
    this.errors.push(errno);
  }
}
