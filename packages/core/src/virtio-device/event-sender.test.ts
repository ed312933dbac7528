// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { started, WRITE } from '../testing/queue-rig.ts';
import { EventSender } from './event-sender.ts';

function rig(size = 8) {
  const { ring, queue } = started({ size });
  let posted = 0;
  const seen = { notified: 0, pops: 0 };
  const pop = queue.pop.bind(queue);
  queue.pop = () => {
    seen.pops++;
    return pop();
  };
  const sender = new EventSender(queue, () => seen.notified++);
  return {
    ring,
    sender,
    seen,
    post: (count: number, length = 4) => {
      for (let i = 0; i < count; i++) {
        const head = (posted + i) % size;
        ring.descriptor(head, { addr: ring.data + 64 * (posted + i), len: length, flags: WRITE });
        ring.offer([head]);
      }
      posted += count;
      sender.deliver();
    },
    got: () => Array.from({ length: ring.usedIndex }, (_, i) => ring.bytes[ring.data - ring.base + 64 * i]),
  };
}

const event = (value: number): Uint8Array => Uint8Array.of(value, 0, 0, 0);

describe('EventSender', () => {
  it('keeps the order of events over any number of owners, and sends each once', () => {
    const { sender, post, got } = rig();
    const tickets = Array.from({ length: 8 }, (_, i) => sender.add({ owner: i % 3, kind: 0, id: i }, event(i)));
    expect([sender.pending, sender.pendingOf(0), sender.pendingOf(2)]).toEqual([8, 3, 2]);
    post(3);
    expect([got(), sender.pending, sender.sent]).toEqual([[0, 1, 2], 5, 3]);
    expect(tickets.map((ticket) => ticket.state)).toEqual([...Array(3).fill('sent'), ...Array(5).fill('waiting')]);
    post(5);
    expect(got()).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  });

  it('finds the event that waits at a place, and forgets one event, one owner or all without a gap in the rest', () => {
    const { sender, post, got } = rig();
    const tickets = [0, 1, 2, 3, 4, 5].map((i) => sender.add({ owner: i >> 1, kind: 7, id: 1 }, event(i)));
    expect(sender.waitingAt({ owner: 1, kind: 7, id: 1 }).map((e) => e.bytes[0])).toEqual([2, 3]);
    expect(sender.waitingAt({ owner: 1, kind: 7, id: 2 })).toEqual([]);
    tickets[4]?.withdraw();
    tickets[4]?.withdraw();
    sender.forget(0);
    sender.forget(99);
    expect([sender.pending, sender.pendingOf(0), sender.pendingOf(2)]).toEqual([3, 0, 1]);
    post(1);
    tickets[2]?.withdraw();
    expect([got(), tickets[2]?.state, tickets[4]?.state]).toEqual([[2], 'sent', 'withdrawn']);
    sender.clear();
    post(2);
    expect([got(), sender.pending]).toEqual([[2], 0]);
  });

  it('looks at the ring once for an event that has to wait, however many wait already', () => {
    const { sender, seen } = rig();
    sender.hold();
    for (let i = 0; i < 20_000; i++) sender.add({ owner: i % 256, kind: 3, id: i % 7 }, event(i));
    expect([sender.pending, seen.pops]).toEqual([20_000, 20_000]);
    sender.forget(17);
    expect(sender.pending).toBe(20_000 - 79);
  });

  it('gives a buffer that is too small back empty, and only so many in one go', () => {
    const { sender, post, ring, seen } = rig();
    sender.add({ owner: 1, kind: 0, id: 0 }, event(9));
    post(1, 2);
    expect([ring.usedIndex, sender.pending, seen.notified]).toEqual([1, 1, 1]);
    post(1);
    expect([ring.usedIndex, sender.pending]).toEqual([2, 0]);
  });
});
