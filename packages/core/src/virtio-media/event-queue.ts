// SPDX-License-Identifier: Apache-2.0
/**
 * The events of virtio-media: how they look, and which become one. They are never dropped (P9): dequeue events are bounded
 * by the buffers, V4L2 events by the subscriptions, of which a burst is merged as in V4L2.
 */
import type { DequeueTicket } from '../device/framework/media-device.ts';
import { type EventPlace, EventSender, type SentEvent } from '../virtio-device/event-sender.ts';
import type { VirtQueue } from '../virtqueue/virt-queue.ts';
import {
  VIRTIO_MEDIA_EVT_DQBUF,
  VIRTIO_MEDIA_EVT_ERROR,
  VIRTIO_MEDIA_EVT_EVENT,
  virtio_media_event_dqbuf,
  virtio_media_event_error,
  virtio_media_event_event,
  virtio_media_event_header,
} from '../wire/media/virtio-media.ts';
import { v4l2_buffer, v4l2_event, v4l2_event_ctrl, v4l2_plane } from '../wire/v4l2/videodev2.ts';
import { V4L2_EVENT_CTRL, V4L2_EVENT_SOURCE_CHANGE } from '../wire/v4l2/videodev2-constants.gen.ts';
import { MAX_PENDING_EVENTS, MAX_PENDING_PER_SESSION, MAX_PENDING_PER_SUBSCRIPTION } from './limits.ts';

/** V4L2 events are places beyond those of buffer types, and the errors of a session are one of their own. */
const EVENT_KIND = 0x1_0000_0000;
const ERROR_PLACE = { kind: -1, id: 0 };

/** The event queue of one device. */
export class EventQueue {
  readonly #sender: EventSender;

  /** `notify` interrupts the guest for the event queue. */
  constructor(queue: VirtQueue, notify: () => void) {
    this.#sender = new EventSender(queue, notify);
  }

  /** events that wait for a buffer of the guest */
  get pending(): number {
    return this.#sender.pending;
  }

  /** events handed to the guest so far */
  get sent(): number {
    return this.#sender.sent;
  }

  /** EVT_DQBUF: always 608 bytes, pointer members 0 (VM-DX12) */
  dequeue(session: number, buffer: DataView, planes: DataView | undefined): DequeueTicket {
    const bytes = make(virtio_media_event_dqbuf.size, VIRTIO_MEDIA_EVT_DQBUF, session);
    const f = virtio_media_event_dqbuf.fields;
    copy(buffer, bytes, f.buffer.offset, v4l2_buffer.size);
    bytes.fill(0, f.buffer.fields.m.offset, f.buffer.fields.m.offset + f.buffer.fields.m.size);
    if (planes !== undefined) {
      copy(planes, bytes, f.planes.offset, Math.min(planes.byteLength, f.planes.size));
      for (let i = 0; i < f.planes.length; i++) {
        const at = f.planes.offset + i * v4l2_plane.size + v4l2_plane.fields.m.offset;
        bytes.fill(0, at, at + v4l2_plane.fields.m.size);
      }
    }
    const kind = v4l2_buffer.fields.type.get(buffer, 0);
    return this.#sender.add({ owner: session, kind, id: v4l2_buffer.fields.index.get(buffer, 0) }, bytes);
  }

  /** EVT_EVENT: 144 bytes. Where many wait already it replaces the newest of its type and id, which keeps what that said of changes. */
  event(session: number, event: DataView): void {
    const type = v4l2_event.fields.type.get(event, 0);
    const place = { owner: session, kind: EVENT_KIND + type, id: v4l2_event.fields.id.get(event, 0) };
    const newest = this.#crowded(place);
    if (newest === undefined) {
      const bytes = make(virtio_media_event_event.size, VIRTIO_MEDIA_EVT_EVENT, session);
      copy(event, bytes, virtio_media_event_event.fields.event.offset, v4l2_event.size);
      this.#sender.add(place, bytes);
      return;
    }
    const { view } = newest;
    const at = changesAt(type);
    const changes = at === undefined ? 0 : view.getUint32(at, true);
    const start = virtio_media_event_event.fields.event.offset;
    for (let i = 0; i < v4l2_event.size; i += 4) view.setUint32(start + i, event.getUint32(i, true), true);
    if (at !== undefined) view.setUint32(at, view.getUint32(at, true) | changes, true);
  }

  /** EVT_ERROR: 16 bytes */
  error(session: number, errno: number): void {
    const bytes = make(virtio_media_event_error.size, VIRTIO_MEDIA_EVT_ERROR, session);
    virtio_media_event_error.fields.errno.set(new DataView(bytes.buffer), 0, errno);
    this.#sender.add({ owner: session, ...ERROR_PLACE }, bytes);
  }

  /** Forgets everything of a session that has been closed. */
  forgetSession(session: number): void {
    this.#sender.forget(session);
  }

  /** Forgets everything: the device was reset. */
  clear(): void {
    this.#sender.clear();
  }

  /** Holds interrupts and index updates back until `release`, so that a batch makes one of each. */
  hold(): void {
    this.#sender.hold();
  }

  /** Ends `hold`; delivers what came up meanwhile. */
  release(): void {
    this.#sender.release();
  }

  /** Puts waiting events into the guest's buffers. Call when the guest posted buffers or the ring started. */
  deliver(): void {
    this.#sender.deliver();
  }

  /** The event that a further one of this place replaces, if there are enough of them. */
  #crowded(place: EventPlace): SentEvent | undefined {
    const sender = this.#sender;
    const same = sender.waitingAt(place);
    const crowded =
      same.length >= MAX_PENDING_PER_SUBSCRIPTION ||
      sender.pendingOf(place.owner) >= MAX_PENDING_PER_SESSION ||
      sender.pending >= MAX_PENDING_EVENTS;
    return crowded ? same.at(-1) : undefined;
  }
}

function make(size: number, event: number, session: number): Uint8Array {
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  virtio_media_event_header.fields.event.set(view, 0, event);
  virtio_media_event_header.fields.session_id.set(view, 0, session);
  return bytes;
}

function copy(from: DataView, to: Uint8Array, at: number, length: number): void {
  to.set(new Uint8Array(from.buffer, from.byteOffset, Math.min(length, from.byteLength)), at);
}

/** Where the bits in an EVT_EVENT are that say what changed: the V4L2 core keeps them when it merges events. */
function changesAt(type: number): number | undefined {
  const union = virtio_media_event_event.fields.event.offset + v4l2_event.fields.u.offset;
  if (type === V4L2_EVENT_CTRL) return union + v4l2_event_ctrl.fields.changes.offset;
  return type === V4L2_EVENT_SOURCE_CHANGE ? union : undefined;
}
