// SPDX-License-Identifier: Apache-2.0
/**
 * The event subscriptions of one session (VIDIOC_SUBSCRIBE_EVENT). An event goes out only if the session subscribed to its
 * type and id (VM-DX11); the queue of events not yet fetched by the application is the guest's.
 */
import { SavedFields } from '../base/index.ts';
import type { Clock } from '../ports/index.ts';
import {
  Errno,
  V4L2_EVENT_ALL,
  V4L2_EVENT_SUB_FL_ALLOW_FEEDBACK,
  V4L2_EVENT_SUB_FL_SEND_INITIAL,
  v4l2_event,
  v4l2_event_subscription,
} from '../wire/index.ts';

/** Fills the union of a `struct v4l2_event` at the beginning of `view`; the rest is filled in already. */
export type EventFill = (view: DataView) => void;

/**
 * What a session can subscribe to: for one type and id an errno if the device has no such event, else how to fill its
 * initial event, or undefined where there is no state to report.
 */
export type EventCatalog = (type: number, id: number) => number | { readonly initial: EventFill | undefined };

interface EventSubscription {
  readonly type: number;
  readonly id: number;
  readonly feedback: boolean;
}

/** What `EventSubscriptions.save` returns. */
export interface EventSubscriptionsState {
  /** `sequence` of the next event, modulo 2^32 */
  readonly sequence: number;
  /** oldest first, each type and id once */
  readonly subscriptions: readonly {
    /** V4L2_EVENT_* */
    readonly type: number;
    readonly id: number;
    /** subscribed with V4L2_EVENT_SUB_FL_ALLOW_FEEDBACK */
    readonly feedback: boolean;
  }[];
}

const E = v4l2_event.fields;
const S = v4l2_event_subscription.fields;
const KNOWN_FLAGS = V4L2_EVENT_SUB_FL_SEND_INITIAL | V4L2_EVENT_SUB_FL_ALLOW_FEEDBACK;

/** The subscriptions. */
export class EventSubscriptions {
  readonly #send: (event: DataView) => void;
  readonly #clock: Clock;
  readonly #catalog: EventCatalog;
  readonly #limit: number;
  readonly #all = new Map<number, EventSubscription>();
  #sequence = 0;

  /** `send` gets 136 bytes of `v4l2_event` and must copy them; `limit` is the number of subscriptions (ENOMEM beyond). */
  constructor(send: (event: DataView) => void, clock: Clock, catalog: EventCatalog, limit: number) {
    this.#send = send;
    this.#clock = clock;
    this.#catalog = catalog;
    this.#limit = limit;
  }

  /** VIDIOC_SUBSCRIBE_EVENT; an initial event goes out before this returns (P10). Subscribing twice changes nothing. */
  subscribe(payload: DataView): number {
    const type = S.type.get(payload, 0);
    const id = S.id.get(payload, 0);
    const flags = S.flags.get(payload, 0);
    if (type === V4L2_EVENT_ALL || (flags & ~KNOWN_FLAGS) !== 0) return Errno.EINVAL;
    const entry = this.#catalog(type, id);
    if (typeof entry === 'number') return entry;
    const key = keyOf(type, id);
    if (this.#all.has(key)) return 0;
    if (this.#all.size >= this.#limit) return Errno.ENOMEM;
    this.#all.set(key, { type, id, feedback: (flags & V4L2_EVENT_SUB_FL_ALLOW_FEEDBACK) !== 0 });
    if ((flags & V4L2_EVENT_SUB_FL_SEND_INITIAL) !== 0 && entry.initial !== undefined) this.emit(type, id, entry.initial);
    return 0;
  }

  /** VIDIOC_UNSUBSCRIBE_EVENT; V4L2_EVENT_ALL ends all. Ending what does not exist succeeds, as in the kernel. */
  unsubscribe(payload: DataView): number {
    const type = S.type.get(payload, 0);
    if (type === V4L2_EVENT_ALL) this.#all.clear();
    else this.#all.delete(keyOf(type, S.id.get(payload, 0)));
    return 0;
  }

  /** True if the session subscribed to this type and id. */
  has(type: number, id: number): boolean {
    return this.#all.has(keyOf(type, id));
  }

  /** Sends an event if it is subscribed to. `own`: the session itself caused it, and wants to hear only with ALLOW_FEEDBACK. */
  emit(type: number, id: number, fill: EventFill, own = false): void {
    const subscription = this.#all.get(keyOf(type, id));
    if (subscription === undefined || (own && !subscription.feedback)) return;
    const view = scratch;
    scratchBytes.fill(0);
    fill(view);
    E.type.set(view, 0, type);
    E.id.set(view, 0, id);
    E.sequence.set(view, 0, this.#sequence);
    this.#sequence = (this.#sequence + 1) >>> 0;
    const now = this.#clock.now();
    const seconds = Math.floor(now / 1_000_000);
    E.timestamp.fields.tv_sec.set(view, 0, BigInt(seconds));
    E.timestamp.fields.tv_nsec.set(view, 0, BigInt((now - seconds * 1_000_000) * 1000));
    this.#send(view);
  }

  /** Drops every subscription. */
  clear(): void {
    this.#all.clear();
  }

  /** All subscriptions as plain data; at any time, for an event is sent before `emit` returns. */
  save(): EventSubscriptionsState {
    return { sequence: this.#sequence, subscriptions: [...this.#all.values()].map((one) => ({ ...one })) };
  }

  /**
   * Goes on as the subscriptions that were saved, in place of those that there are; no initial event goes out. Throws
   * `SavedStateError` for a state that cannot be, as with an event that this device does not have; nothing is changed then.
   */
  restore(state: unknown): void {
    const fields = new SavedFields(state, 'events', ['sequence', 'subscriptions']);
    const sequence = fields.u32('sequence');
    const all = new Map<number, EventSubscription>();
    for (const one of fields.list('subscriptions', this.#limit, ['type', 'id', 'feedback'])) {
      const [type, id] = [one.u32('type'), one.u32('id')];
      if (type === V4L2_EVENT_ALL || typeof this.#catalog(type, id) === 'number')
        one.refuse('type', 'an event that the device has');
      if (all.has(keyOf(type, id))) one.refuse('id', 'of a type and id that no other subscription has');
      all.set(keyOf(type, id), { type, id, feedback: one.boolean('feedback') });
    }
    this.#sequence = sequence;
    this.#all.clear();
    for (const [key, one] of all) this.#all.set(key, one);
  }
}

/** The event that is being sent: it is copied before the next one. One change of a control is an event for each of hundreds of sessions. */
const scratch = new DataView(new ArrayBuffer(v4l2_event.size));
const scratchBytes = new Uint8Array(scratch.buffer);

function keyOf(type: number, id: number): number {
  return type * 0x1_0000_0000 + id;
}
