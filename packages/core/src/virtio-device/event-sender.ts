// SPDX-License-Identifier: Apache-2.0
/**
 * Events on their way to the driver, in order, into buffers that it posted. They wait here while none is posted, and none is
 * ever dropped: what an event is, when two of them become one and how many there may be is the business of the protocol,
 * which finds those that wait by their place. Every operation costs the same, however many events wait.
 *
 *     waiting --a posted buffer--> sent          waiting --withdraw, forget, clear--> withdrawn
 *
 * A buffer is taken from the ring only when there is an event for it, so that the ring's base says what was used.
 */
import type { VirtQueue } from '../virtqueue/virt-queue.ts';

/** Buffers too small for the event that are given back in one go: a driver that posts them without end must not keep the event loop. */
export const MAX_REFUSED_BUFFERS = 1024;

/** Where an event belongs: events of one place can be found and counted while they wait. */
export interface EventPlace {
  /** whose it is: `forget` drops all events of one owner */
  readonly owner: number;
  /** what kind of event, and which of that kind */
  readonly kind: number;
  readonly id: number;
}

/** An event that was handed to a sender. */
export class SentEvent {
  readonly place: EventPlace;
  /** what the driver gets; may be changed while it waits, but for its length */
  readonly bytes: Uint8Array;
  /** the same bytes */
  readonly view: DataView;
  state: 'waiting' | 'sent' | 'withdrawn' = 'waiting';
  readonly #sender: EventSender;
  /** neighbours among all that wait */
  before: SentEvent | undefined;
  after: SentEvent | undefined;

  /** Made by `EventSender.add` only. */
  constructor(sender: EventSender, place: EventPlace, bytes: Uint8Array) {
    this.#sender = sender;
    this.place = place;
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** True until the driver has it or it was withdrawn. */
  get waiting(): boolean {
    return this.state === 'waiting';
  }

  /** Takes it back, if it still waits. */
  withdraw(): void {
    this.#sender.withdraw(this);
  }
}

/** Events of one owner that wait, oldest first, by kind and then by id. */
interface OwnedEvents {
  count: number;
  readonly kinds: Map<number, Map<number, SentEvent[]>>;
}

/** The events of one queue. */
export class EventSender {
  readonly #queue: VirtQueue;
  readonly #notify: () => void;
  readonly #owners = new Map<number, OwnedEvents>();
  #first: SentEvent | undefined;
  #last: SentEvent | undefined;
  #pending = 0;
  #held = 0;
  #flushing = false;
  #undelivered = false;
  #sent = 0;

  /** `notify` interrupts the driver for this queue. */
  constructor(queue: VirtQueue, notify: () => void) {
    this.#queue = queue;
    this.#notify = notify;
  }

  /** events that wait for a buffer of the driver */
  get pending(): number {
    return this.#pending;
  }

  /** events handed to the driver so far */
  get sent(): number {
    return this.#sent;
  }

  /** Events of one owner that wait. */
  pendingOf(owner: number): number {
    return this.#owners.get(owner)?.count ?? 0;
  }

  /** The events of a place that wait, oldest first. */
  waitingAt({ owner, kind, id }: EventPlace): readonly SentEvent[] {
    return this.#owners.get(owner)?.kinds.get(kind)?.get(id) ?? NONE;
  }

  /** Queues an event; it goes out at the end of the batch, or else of this turn of the event loop. */
  add(place: EventPlace, bytes: Uint8Array): SentEvent {
    const event = new SentEvent(this, place, bytes);
    event.before = this.#last;
    if (this.#last === undefined) this.#first = event;
    else this.#last.after = event;
    this.#last = event;
    this.#pending++;
    this.#file(event);
    this.#soon();
    return event;
  }

  /** Takes an event back that still waits; see `SentEvent.withdraw`. */
  withdraw(event: SentEvent): void {
    if (event.state === 'waiting') this.#remove(event, 'withdrawn');
  }

  /** Withdraws every event of an owner. */
  forget(owner: number): void {
    for (const ids of this.#owners.get(owner)?.kinds.values() ?? []) {
      for (const events of [...ids.values()]) for (const event of [...events]) this.withdraw(event);
    }
  }

  /** Withdraws everything: the device was reset. */
  clear(): void {
    while (this.#first !== undefined) this.withdraw(this.#first);
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

  /** Puts waiting events into the driver's buffers. Call when the driver posted buffers or the ring started. */
  deliver(): void {
    this.#fill();
    // Asked to be woken for new buffers only while events wait: posting buffers then costs the driver no exit.
    while (this.#pending > 0 && this.#queue.running && this.#queue.enableNotifications()) {
      const before = this.#pending;
      this.#fill();
      if (this.#pending === before) break;
    }
    this.#publish();
  }

  #soon(): void {
    if (this.#held > 0) {
      // In order before the answer of the command that caused it: into the ring now, published with the batch.
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

  #file(event: SentEvent): void {
    const { owner, kind, id } = event.place;
    let owned = this.#owners.get(owner);
    if (owned === undefined) {
      owned = { count: 0, kinds: new Map() };
      this.#owners.set(owner, owned);
    }
    let ids = owned.kinds.get(kind);
    if (ids === undefined) {
      ids = new Map();
      owned.kinds.set(kind, ids);
    }
    const same = ids.get(id);
    if (same === undefined) ids.set(id, [event]);
    else same.push(event);
    owned.count++;
  }

  #remove(event: SentEvent, state: 'sent' | 'withdrawn'): void {
    event.state = state;
    if (event.before === undefined) this.#first = event.after;
    else event.before.after = event.after;
    if (event.after === undefined) this.#last = event.before;
    else event.after.before = event.before;
    event.before = undefined;
    event.after = undefined;
    this.#pending--;
    const { owner, kind, id } = event.place;
    const owned = this.#owners.get(owner);
    const ids = owned?.kinds.get(kind);
    const same = ids?.get(id);
    if (owned === undefined || ids === undefined || same === undefined) return;
    same.splice(same.indexOf(event), 1);
    if (same.length === 0) ids.delete(id);
    if (ids.size === 0) owned.kinds.delete(kind);
    if (--owned.count === 0) this.#owners.delete(owner);
  }

  #fill(): void {
    if (!this.#queue.running) return;
    let refused = 0;
    for (let event = this.#first; event !== undefined; event = this.#first) {
      let chain = this.#queue.pop();
      // A buffer too small for the event is given back empty; the event waits for one that fits.
      while (chain !== undefined && chain.writableLength < event.bytes.length) {
        this.#queue.push(chain, 0);
        this.#undelivered = true;
        if (++refused > MAX_REFUSED_BUFFERS) return;
        chain = this.#queue.pop();
      }
      if (chain === undefined) return;
      const written = chain.write(0, event.bytes);
      this.#queue.push(chain, written);
      this.#undelivered = true;
      this.#sent++;
      this.#remove(event, 'sent');
    }
  }

  #publish(): void {
    if (!this.#undelivered) return;
    this.#undelivered = false;
    if (this.#queue.running && this.#queue.flush()) this.#notify();
  }
}

const NONE: readonly SentEvent[] = [];
