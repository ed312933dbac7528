// SPDX-License-Identifier: Apache-2.0
/**
 * Events on their way to the guest. They wait here while the driver has posted no buffer, and are never dropped (P9):
 * dequeue events are bounded by the buffers, V4L2 events by the subscriptions, of which a burst is merged as in V4L2.
 * A buffer is taken from the ring only when there is an event for it, so that the ring's base says what was used.
 */
import type { DeviceQueue } from '../virtqueue/device-queue.ts';
import { v4l2_buffer, v4l2_event, v4l2_event_ctrl, v4l2_plane } from '../wire/videodev2.ts';
import { V4L2_EVENT_CTRL, V4L2_EVENT_SOURCE_CHANGE } from '../wire/videodev2-constants.gen.ts';
import {
  VIRTIO_MEDIA_EVT_DQBUF,
  VIRTIO_MEDIA_EVT_ERROR,
  VIRTIO_MEDIA_EVT_EVENT,
  virtio_media_event_dqbuf,
  virtio_media_event_error,
  virtio_media_event_event,
  virtio_media_event_header,
} from '../wire/virtio-media.ts';
import { MAX_PENDING_PER_SUBSCRIPTION, MAX_REFUSED_BUFFERS } from './limits.ts';

type PendingEvent = { readonly session: number; readonly bytes: Uint8Array; readonly view: DataView } & (
  | { readonly kind: 'dequeue'; readonly bufferType: number; readonly index: number }
  | { readonly kind: 'event'; readonly type: number; readonly id: number }
  | { readonly kind: 'error' }
);

/** The event queue of one device. */
export class EventQueue {
  readonly #queue: DeviceQueue;
  readonly #notify: () => void;
  #pending: PendingEvent[] = [];
  #held = 0;
  #flushing = false;
  #undelivered = false;
  #sent = 0;

  /** `notify` interrupts the guest for the event queue. */
  constructor(queue: DeviceQueue, notify: () => void) {
    this.#queue = queue;
    this.#notify = notify;
  }

  /** events that wait for a buffer of the guest */
  get pending(): number {
    return this.#pending.length;
  }

  /** events handed to the guest so far */
  get sent(): number {
    return this.#sent;
  }

  /** EVT_DQBUF: always 608 bytes, pointer members 0 (VM-DX12) */
  dequeue(session: number, buffer: DataView, planes: DataView | undefined): void {
    const { bytes, view } = this.#make(virtio_media_event_dqbuf.size, VIRTIO_MEDIA_EVT_DQBUF, session);
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
    const bufferType = v4l2_buffer.fields.type.get(buffer, 0);
    this.#add({ kind: 'dequeue', session, bytes, view, bufferType, index: v4l2_buffer.fields.index.get(buffer, 0) });
  }

  /**
   * True if the EVT_DQBUF of this buffer has not reached the guest. The guest cannot have the buffer back yet, so it may
   * not queue it again: that bounds the events that wait by the buffers there are.
   */
  owesDequeue(session: number, buffer: DataView): boolean {
    if (this.#pending.length === 0) return false;
    const type = v4l2_buffer.fields.type.get(buffer, 0);
    const index = v4l2_buffer.fields.index.get(buffer, 0);
    return this.#pending.some((e) => e.kind === 'dequeue' && e.session === session && e.bufferType === type && e.index === index);
  }

  /** EVT_EVENT: 144 bytes */
  event(session: number, event: DataView): void {
    const { bytes, view } = this.#make(virtio_media_event_event.size, VIRTIO_MEDIA_EVT_EVENT, session);
    const at = virtio_media_event_event.fields.event.offset;
    copy(event, bytes, at, v4l2_event.size);
    const type = v4l2_event.fields.type.get(event, 0);
    const id = v4l2_event.fields.id.get(event, 0);
    const same = this.#pending.filter((e) => e.kind === 'event' && e.session === session && e.type === type && e.id === id);
    const newest = same.at(-1);
    if (newest !== undefined && same.length >= MAX_PENDING_PER_SUBSCRIPTION) {
      mergeChanges(newest.view, view, at, type);
      newest.bytes.set(bytes);
      return;
    }
    this.#add({ kind: 'event', session, bytes, view, type, id });
  }

  /** EVT_ERROR: 16 bytes */
  error(session: number, errno: number): void {
    const { bytes, view } = this.#make(virtio_media_event_error.size, VIRTIO_MEDIA_EVT_ERROR, session);
    virtio_media_event_error.fields.errno.set(view, 0, errno);
    this.#add({ kind: 'error', session, bytes, view });
  }

  /**
   * Forgets dequeue events of one queue of a session that have not reached the guest: STREAMOFF and REQBUFS return those
   * buffers without an event (P8).
   */
  forgetDequeues(session: number, bufferType: number): void {
    this.#pending = this.#pending.filter((e) => !(e.kind === 'dequeue' && e.session === session && e.bufferType === bufferType));
  }

  /** Forgets everything of a session that has been closed. */
  forgetSession(session: number): void {
    this.#pending = this.#pending.filter((e) => e.session !== session);
  }

  /** Forgets everything: the device was reset. */
  clear(): void {
    this.#pending = [];
    this.#undelivered = false;
  }

  /** Holds interrupts and index updates back until `release`, so that a batch makes one of each. */
  hold(): void {
    this.#held++;
  }

  /** Ends `hold`; delivers what came up meanwhile. */
  release(): void {
    if (--this.#held === 0) this.deliver();
  }

  /** Puts waiting events into the guest's buffers. Call when the guest posted buffers or the ring started. */
  deliver(): void {
    this.#fill();
    // Asked to be woken for new buffers only while events wait: posting buffers then costs the guest no exit.
    while (this.#pending.length > 0 && this.#queue.running && this.#queue.enableNotifications()) {
      const before = this.#pending.length;
      this.#fill();
      if (this.#pending.length === before) break;
    }
    this.#publish();
  }

  #make(size: number, event: number, session: number): { bytes: Uint8Array; view: DataView } {
    const bytes = new Uint8Array(size);
    const view = new DataView(bytes.buffer);
    virtio_media_event_header.fields.event.set(view, 0, event);
    virtio_media_event_header.fields.session_id.set(view, 0, session);
    return { bytes, view };
  }

  #add(event: PendingEvent): void {
    this.#pending.push(event);
    if (this.#held > 0) {
      // In order before the answer of the command that caused it (P10): into the ring now, published with the batch.
      this.#fill();
      return;
    }
    if (this.#flushing) return;
    this.#flushing = true;
    // Events of one turn of the event loop go out together.
    void Promise.resolve().then(() => {
      this.#flushing = false;
      this.deliver();
    });
  }

  #fill(): void {
    if (!this.#queue.running) return;
    let done = 0;
    let refused = 0;
    for (const event of this.#pending) {
      let chain = this.#queue.pop();
      // A buffer too small for the event is given back empty; the event waits for one that fits.
      while (chain !== undefined && chain.writableLength < event.bytes.length) {
        this.#queue.push(chain, 0);
        this.#undelivered = true;
        // A guest that posts such buffers as fast as they come back must not keep the event loop.
        if (++refused > MAX_REFUSED_BUFFERS) break;
        chain = this.#queue.pop();
      }
      if (refused > MAX_REFUSED_BUFFERS) break;
      if (chain === undefined) break;
      const written = chain.write(0, event.bytes);
      this.#queue.push(chain, written);
      this.#undelivered = true;
      done++;
    }
    if (done > 0) this.#pending.splice(0, done);
    this.#sent += done;
  }

  #publish(): void {
    if (!this.#undelivered) return;
    this.#undelivered = false;
    if (this.#queue.running && this.#queue.flush()) this.#notify();
  }
}

function copy(from: DataView, to: Uint8Array, at: number, length: number): void {
  to.set(new Uint8Array(from.buffer, from.byteOffset, Math.min(length, from.byteLength)), at);
}

/** Carries the change bits of an event into the one that replaces it, as the V4L2 core merges events. */
function mergeChanges(old: DataView, fresh: DataView, at: number, type: number): void {
  const changes =
    type === V4L2_EVENT_CTRL
      ? at + v4l2_event.fields.u.offset + v4l2_event_ctrl.fields.changes.offset
      : type === V4L2_EVENT_SOURCE_CHANGE
        ? at + v4l2_event.fields.u.offset
        : undefined;
  if (changes !== undefined) fresh.setUint32(changes, fresh.getUint32(changes, true) | old.getUint32(changes, true), true);
}
