// SPDX-License-Identifier: Apache-2.0
import type { MediaSession } from '../device/framework/media-device.ts';
import type { ArenaBlock } from '../ports/host-buffers.ts';

/**
 * One session id in use.
 *
 * ```
 *   OPEN ──> open ──EVT_ERROR──> broken      (VM-D9: the id stays taken)
 *             └──────CLOSE──────────┴──> gone
 * ```
 *
 * `waiting` holds the commands that came while one of this session was being answered, fetched already; they follow in order.
 */
export interface SessionEntry {
  readonly id: number;
  readonly session: MediaSession;
  state: 'open' | 'broken';
  busy: boolean;
  /** undefined until the session is being closed; then a promise of its end, and `now` when it has ended */
  closed: Promise<void> | 'now' | undefined;
  readonly waiting: (() => void)[];
  /** blocks of living buffers that the guest mapped, by `mem_offset`: the window is told when a buffer of them is freed */
  readonly mapped: Map<number, ArenaBlock>;
}

/**
 * Session ids: unique among the open and the broken ones (VM-D1, VM-D9). The first is random: after a restart of the daemon a
 * guest may still use ids of the daemon before, and these must match no new session.
 */
export class SessionTable {
  readonly #entries = new Map<number, SessionEntry>();
  #next = 1 + Math.floor(Math.random() * 0xffff_ffff);

  /** sessions, broken ones included */
  get size(): number {
    return this.#entries.size;
  }

  /** An id that nobody has. Ids are not reused until 2^32 sessions later, so a stale one names nobody. */
  freshId(): number {
    while (this.#entries.has(this.#next)) this.#advance();
    const id = this.#next;
    this.#advance();
    return id;
  }

  /** Registers a session under an id from `freshId`. */
  add(id: number, session: MediaSession): SessionEntry {
    const entry: SessionEntry = { id, session, state: 'open', busy: false, closed: undefined, waiting: [], mapped: new Map() };
    this.#entries.set(id, entry);
    return entry;
  }

  /** The entry of an id, broken or not. */
  get(id: number): SessionEntry | undefined {
    return this.#entries.get(id);
  }

  /** Frees an id. */
  remove(id: number): void {
    this.#entries.delete(id);
  }

  /** Empties the table and answers what was in it. */
  takeAll(): SessionEntry[] {
    const all = [...this.#entries.values()];
    this.#entries.clear();
    return all;
  }

  #advance(): void {
    this.#next = this.#next === 0xffff_ffff ? 1 : this.#next + 1;
  }
}
