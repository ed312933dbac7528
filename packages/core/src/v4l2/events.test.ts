// SPDX-License-Identifier: Apache-2.0
import { beforeEach, describe, expect, it } from 'vitest';
import {
  Errno,
  V4L2_EVENT_ALL,
  V4L2_EVENT_EOS,
  V4L2_EVENT_SUB_FL_SEND_INITIAL,
  v4l2_event,
  v4l2_event_subscription,
} from '../wire/index.ts';
import { EventSubscriptions } from './index.ts';

const E = v4l2_event.fields;
const clock = { now: () => 12_345_678, at: () => ({ [Symbol.dispose]: () => {} }) };
let sent: DataView[] = [];

function subscription(type: number, id = 0, flags = 0): DataView {
  const view = new DataView(new ArrayBuffer(v4l2_event_subscription.size));
  v4l2_event_subscription.fields.type.set(view, 0, type);
  v4l2_event_subscription.fields.id.set(view, 0, id);
  v4l2_event_subscription.fields.flags.set(view, 0, flags);
  return view;
}

function make(limit = 8): EventSubscriptions {
  const catalog = (type: number, id: number) =>
    type === V4L2_EVENT_EOS ? { initial: id === 7 ? (view: DataView) => view.setUint32(8, 77, true) : undefined } : Errno.EINVAL;
  return new EventSubscriptions((event) => sent.push(new DataView(event.buffer.slice(0))), clock, catalog, limit);
}

beforeEach(() => {
  sent = [];
});

describe('EventSubscriptions', () => {
  it('sends only what is subscribed to, numbered and stamped (VM-DX11)', () => {
    const events = make();
    events.emit(V4L2_EVENT_EOS, 0, () => {});
    expect(events.subscribe(subscription(V4L2_EVENT_EOS))).toBe(0);
    events.emit(V4L2_EVENT_EOS, 0, () => {});
    events.emit(V4L2_EVENT_EOS, 1, () => {});
    events.emit(V4L2_EVENT_EOS, 0, () => {});
    expect(sent.map((view) => [E.type.get(view, 0), E.sequence.get(view, 0)])).toEqual([
      [V4L2_EVENT_EOS, 0],
      [V4L2_EVENT_EOS, 1],
    ]);
    const [first] = sent;
    expect(first?.byteLength).toBe(136);
    expect(first && E.timestamp.fields.tv_sec.get(first, 0)).toBe(12n);
    expect(first && E.timestamp.fields.tv_nsec.get(first, 0)).toBe(345_678_000n);
  });

  it('sends the initial event before SUBSCRIBE_EVENT is answered (P10)', () => {
    expect(make().subscribe(subscription(V4L2_EVENT_EOS, 7, V4L2_EVENT_SUB_FL_SEND_INITIAL))).toBe(0);
    expect(sent[0]?.getUint32(8, true)).toBe(77);
  });

  it('refuses unknown types, unknown flags and V4L2_EVENT_ALL with EINVAL', () => {
    const events = make();
    expect(events.subscribe(subscription(0xffff_ffff))).toBe(Errno.EINVAL);
    expect(events.subscribe(subscription(V4L2_EVENT_ALL))).toBe(Errno.EINVAL);
    expect(events.subscribe(subscription(V4L2_EVENT_EOS, 0, 0x8000_0000))).toBe(Errno.EINVAL);
  });

  it('subscribes once to the same, and answers ENOMEM at the limit (P19)', () => {
    const events = make(2);
    expect(events.subscribe(subscription(V4L2_EVENT_EOS, 0))).toBe(0);
    expect(events.subscribe(subscription(V4L2_EVENT_EOS, 0))).toBe(0);
    expect(events.subscribe(subscription(V4L2_EVENT_EOS, 1))).toBe(0);
    expect(events.subscribe(subscription(V4L2_EVENT_EOS, 2))).toBe(Errno.ENOMEM);
  });

  it('unsubscribes one, or all with V4L2_EVENT_ALL, and never complains', () => {
    const events = make();
    for (const id of [0, 1, 2]) events.subscribe(subscription(V4L2_EVENT_EOS, id));
    expect(events.unsubscribe(subscription(V4L2_EVENT_EOS, 1))).toBe(0);
    expect(events.unsubscribe(subscription(V4L2_EVENT_EOS, 99))).toBe(0);
    for (const id of [0, 1, 2]) events.emit(V4L2_EVENT_EOS, id, () => {});
    expect(sent.map((view) => E.id.get(view, 0))).toEqual([0, 2]);
    expect(events.unsubscribe(subscription(V4L2_EVENT_ALL))).toBe(0);
    events.emit(V4L2_EVENT_EOS, 0, () => {});
    expect(sent).toHaveLength(2);
  });
});
