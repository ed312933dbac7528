// SPDX-License-Identifier: Apache-2.0
/**
 * What a guest can know from its own answers and events: which buffers the device has, and what the format that it was given
 * must be. Answers and events lie in two rings, so what came in one batch has no order between them: the books are settled after
 * each batch.
 */
import {
  VIDIOC_QBUF,
  VIDIOC_REQBUFS,
  VIDIOC_S_FMT,
  VIDIOC_STREAMOFF,
  VIDIOC_TRY_FMT,
  VIRTIO_MEDIA_EVT_DQBUF,
  v4l2_buffer,
  v4l2_format,
  v4l2_requestbuffers,
  virtio_media_cmd_ioctl,
  virtio_media_event_dqbuf,
  virtio_media_resp_header,
} from '@paravideo/core';
import { FuzzError } from './fuzz-error.ts';

const HEADER = virtio_media_resp_header.size;
const event = virtio_media_event_dqbuf.fields;

/** Buffers of one queue of one session. */
interface Lent {
  /** times that each was queued and did not come back */
  times: Map<number, number>;
  /** the same, since the last STREAMOFF or REQBUFS of this batch; undefined if there was none */
  afresh: Map<number, number> | undefined;
}

/** The books of one guest. */
export class Books {
  readonly #sizes: readonly { readonly width: number; readonly height: number }[];
  /** session, type of queue */
  readonly #queues = new Map<string, Lent>();
  readonly #closed = new Set<number>();
  /** buffers that came back so far */
  returned = 0;

  /** `sizes`: those that the device lists; empty if it has no list. */
  constructor(sizes: readonly { readonly width: number; readonly height: number }[]) {
    this.#sizes = sizes;
  }

  /** The device was reset: it has nothing any more. */
  forget(): void {
    this.#queues.clear();
    this.#closed.clear();
  }

  /** A CLOSE was answered. */
  closed(session: number): void {
    this.#closed.add(session);
  }

  /** An ioctl was answered with status 0. `input` is the command as it was sent. */
  succeeded(input: Uint8Array, answer: Uint8Array): void {
    const at = viewOf(input);
    const session = virtio_media_cmd_ioctl.fields.session_id.get(at, 0);
    const code = virtio_media_cmd_ioctl.fields.code.get(at, 0);
    const payload = virtio_media_cmd_ioctl.size;
    if (code === VIDIOC_STREAMOFF) this.#stopped(session, at.getUint32(payload, true));
    else if (code === VIDIOC_REQBUFS) this.#stopped(session, v4l2_requestbuffers.fields.type.get(at, payload));
    else if (code === VIDIOC_QBUF) {
      const told = viewOf(answer);
      const queue = this.#queue(session, v4l2_buffer.fields.type.get(told, HEADER));
      const index = v4l2_buffer.fields.index.get(told, HEADER);
      for (const times of [queue.times, queue.afresh]) times?.set(index, (times.get(index) ?? 0) + 1);
    } else if (code === VIDIOC_S_FMT || code === VIDIOC_TRY_FMT) this.#format(at, payload, viewOf(answer));
  }

  /** An event came. */
  event(bytes: Uint8Array): void {
    const view = viewOf(bytes);
    if (event.hdr.fields.event.get(view, 0) !== VIRTIO_MEDIA_EVT_DQBUF) return;
    const type = event.buffer.fields.type.get(view, 0);
    const index = event.buffer.fields.index.get(view, 0);
    const { times } = this.#queue(event.hdr.fields.session_id.get(view, 0), type);
    const left = (times.get(index) ?? 0) - 1;
    if (left < 0) throw new FuzzError(`buffer ${index} of queue ${type} came back without having been queued (VM-DX10)`);
    times.set(index, left);
    this.returned++;
  }

  /** The batch is over: every answer and every event of it was seen. */
  settle(): void {
    for (const [name, queue] of this.#queues) {
      if (this.#closed.has(Number(name.split(' ')[0]))) this.#queues.delete(name);
      // What came back before the stop cannot be told from what came after it.
      if (queue.afresh !== undefined) {
        for (const [index, times] of queue.times) queue.times.set(index, Math.min(times, queue.afresh.get(index) ?? 0));
        queue.afresh = undefined;
      }
      for (const [index, times] of queue.times) {
        if (times > 1) throw new FuzzError(`buffer ${index} of queue ${name} was taken ${times} times and did not come back`);
      }
    }
    this.#closed.clear();
  }

  /** STREAMOFF and REQBUFS give back everything, without events. */
  #stopped(session: number, type: number): void {
    this.#queue(session, type).afresh = new Map();
  }

  #queue(session: number, type: number): Lent {
    const name = `${session} ${type}`;
    const queue = this.#queues.get(name) ?? { times: new Map(), afresh: undefined };
    this.#queues.set(name, queue);
    return queue;
  }

  /** A size that is not listed becomes the nearest that is: no other may be nearer in both directions. */
  #format(sent: DataView, at: number, answer: DataView): void {
    if (this.#sizes.length === 0) return;
    const { fields } = v4l2_format;
    const type = fields.type.get(answer, HEADER);
    const pix = type >= 9 ? fields.fmt.fields.pix_mp.fields : fields.fmt.fields.pix.fields;
    const asked = { width: pix.width.get(sent, at), height: pix.height.get(sent, at) };
    const given = { width: pix.width.get(answer, HEADER), height: pix.height.get(answer, HEADER) };
    const far = ({ width, height }: typeof asked): [number, number] => [
      Math.abs(width - asked.width),
      Math.abs(height - asked.height),
    ];
    const [wide, high] = far(given);
    const listed = this.#sizes.some(({ width, height }) => width === given.width && height === given.height);
    const nearer = this.#sizes.some((size) => {
      const [w, h] = far(size);
      return w <= wide && h <= high && w + h < wide + high;
    });
    if (!listed || nearer)
      throw new FuzzError(`${asked.width}x${asked.height} was asked for and became ${given.width}x${given.height}`);
  }
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
