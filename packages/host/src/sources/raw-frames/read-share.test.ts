// SPDX-License-Identifier: Apache-2.0
import { expect, it } from 'vitest';
import { ReadShare } from './read-share.ts';

it('a producer whose bytes take little of the event loop is never held up', () => {
  const share = new ReadShare();
  for (let at = 0; at < 1000; at += 1) expect(share.pause(at, at + 0.25)).toBe(0);
});

it('a producer that floods keeps the event loop for 3 ms of each 10 ms', () => {
  const share = new ReadShare();
  let [now, busy] = [0, 0];
  while (now < 1000) {
    const begun = now;
    now += 0.5;
    busy += 0.5;
    now += share.pause(begun, now);
  }
  expect(busy / now).toBeGreaterThan(0.25);
  expect(busy / now).toBeLessThan(0.31);
});

it('one read that takes long is followed by a pause of one period at most', () => {
  const share = new ReadShare();
  expect(share.pause(0, 2.5)).toBe(0);
  expect(share.pause(2.5, 500)).toBe(10);
  expect(share.pause(510, 510.5)).toBe(0);
});
