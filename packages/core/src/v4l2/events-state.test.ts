// SPDX-License-Identifier: Apache-2.0
/** Subscriptions that were saved and restored, beside some that were left alone: the application hears the same. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { hexOf } from '../base/index.ts';
import { complaint, mutations } from '../testing/mutations.ts';
import {
  Errno,
  V4L2_EVENT_ALL,
  V4L2_EVENT_CTRL,
  V4L2_EVENT_EOS,
  V4L2_EVENT_SUB_FL_ALLOW_FEEDBACK,
  V4L2_EVENT_SUB_FL_SEND_INITIAL,
  v4l2_event_subscription,
} from '../wire/index.ts';
import { EventSubscriptions } from './index.ts';

const LIMIT = 4;

type Action =
  | { readonly kind: 'subscribe' | 'unsubscribe'; readonly type: number; readonly id: number; readonly flags: number }
  | { readonly kind: 'emit'; readonly type: number; readonly id: number; readonly own: boolean }
  | { readonly kind: 'clear' | 'move' };

const type = fc.constantFrom(V4L2_EVENT_EOS, V4L2_EVENT_CTRL, V4L2_EVENT_CTRL, V4L2_EVENT_ALL, 77);
const id = fc.nat(3);
const flags = fc.constantFrom(0, V4L2_EVENT_SUB_FL_ALLOW_FEEDBACK, V4L2_EVENT_SUB_FL_SEND_INITIAL);
const action: fc.Arbitrary<Action> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('subscribe' as const), type, id, flags }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('unsubscribe' as const), type, id, flags }) },
  { weight: 8, arbitrary: fc.record({ kind: fc.constant('emit' as const), type, id, own: fc.boolean() }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constantFrom('clear' as const, 'move' as const, 'move' as const) }) },
);

class World {
  events = this.#make();
  readonly seen: unknown[] = [];
  moves = 0;

  step(one: Action): void {
    switch (one.kind) {
      case 'subscribe':
      case 'unsubscribe': {
        const view = new DataView(new ArrayBuffer(v4l2_event_subscription.size));
        v4l2_event_subscription.fields.type.set(view, 0, one.type);
        v4l2_event_subscription.fields.id.set(view, 0, one.id);
        v4l2_event_subscription.fields.flags.set(view, 0, one.flags);
        this.seen.push(this.events[one.kind](view));
        return;
      }
      case 'emit':
        this.seen.push(this.events.has(one.type, one.id));
        return this.events.emit(one.type, one.id, (view) => view.setUint32(8, 5, true), one.own);
      case 'clear':
        return this.events.clear();
      case 'move':
        return;
    }
  }

  move(): void {
    const state: unknown = JSON.parse(JSON.stringify(this.events.save()));
    expect(state).toEqual(structuredClone(this.events.save()));
    this.events = this.#make();
    this.events.restore(state);
    this.moves++;
  }

  #make(): EventSubscriptions {
    const clock = { now: () => 12_345_678, at: () => ({ [Symbol.dispose]: () => {} }) };
    const catalog = (kind: number) =>
      kind === 77
        ? Errno.EINVAL
        : { initial: kind === V4L2_EVENT_CTRL ? (view: DataView) => view.setUint32(8, 9, true) : undefined };
    const send = (event: DataView) => this.seen.push(hexOf(new Uint8Array(event.buffer, event.byteOffset, event.byteLength)));
    return new EventSubscriptions(send, clock, catalog, LIMIT);
  }
}

describe('event subscriptions that are saved and restored', () => {
  test('go on as if nothing had happened: answers, and events with their numbers', () => {
    let [moves, heard] = [0, 0];
    fc.assert(
      fc.property(fc.array(action, { minLength: 5, maxLength: 50, size: 'max' }), (actions) => {
        const left = new World();
        const moved = new World();
        for (const one of actions) {
          left.step(one);
          moved.step(one);
          if (one.kind === 'move') moved.move();
        }
        expect(moved.seen).toEqual(left.seen);
        heard += left.seen.filter((one) => typeof one === 'string').length;
        moves += moved.moves;
      }),
      { numRuns: 100 },
    );
    expect([moves > 100, heard > 100]).toEqual([true, true]);
  });

  test('are refused by name where a field is wrong, and those that there are stay as they were', () => {
    const { events } = new World();
    const one = { type: V4L2_EVENT_CTRL, id: 3, feedback: true };
    const state = { sequence: 7, subscriptions: [one, { type: V4L2_EVENT_EOS, id: 0, feedback: false }] };
    events.restore(state);
    const all = mutations(state);
    expect(all.length).toBeGreaterThan(50);
    expect(all.map((mutation) => complaint(mutation, (wrong) => events.restore(wrong))).filter(Boolean)).toEqual([]);
    const wrong =
      (...subscriptions: unknown[]) =>
      () =>
        events.restore({ sequence: 0, subscriptions });
    expect(wrong({ ...one, type: 77 })).toThrow('events.subscriptions[0].type is 77: it must be an event that the device has');
    expect(wrong({ ...one, type: V4L2_EVENT_ALL })).toThrow(/type is 0/);
    expect(wrong(one, one)).toThrow(/subscriptions\[1\].id is 3: .* no other/);
    expect(wrong(one, one, one, one, one)).toThrow(/an array of at most 4/);
    expect(events.save()).toEqual(state);
  });
});
