// SPDX-License-Identifier: Apache-2.0
import { expect, it } from 'vitest';
import { Pace } from './pace.ts';

function rig() {
  let now = 100;
  const pace = new Pace(() => now, 2);
  const pass = (milliseconds: number): void => {
    now += milliseconds;
  };
  return { pace, pass, turn: (milliseconds: number) => pace.turn(() => pass(milliseconds)) };
}

it('one that leaves as much time as it takes never rests', () => {
  const { pace, pass, turn } = rig();
  for (let i = 0; i < 100; i++) {
    turn(2);
    expect(pace.rest).toBe(0);
    pass(2);
  }
});

it('one that wants all the time gets half of it', () => {
  const { pace, pass, turn } = rig();
  let had = 0;
  let passed = 0;
  while (passed < 1000) {
    const { rest } = pace;
    pass(rest);
    turn(1.5);
    had += 1.5;
    passed += rest + 1.5;
  }
  expect(had / passed).toBeGreaterThan(0.49);
  expect(had / passed).toBeLessThan(0.52);
});

it('idle time is credit for one turn, no more; a turn that took very long is paid for up to 8 ms, also if it throws', () => {
  const { pace, pass, turn } = rig();
  pass(10_000);
  turn(2);
  expect(pace.rest).toBe(0);
  turn(1);
  expect(pace.rest).toBe(1);
  expect(() =>
    pace.turn(() => {
      pass(500);
      throw new RangeError('on purpose');
    }),
  ).toThrow('on purpose');
  expect(pace.rest).toBe(8);
  pass(5);
  expect(pace.rest).toBe(3);
});
