// SPDX-License-Identifier: Apache-2.0
import { expect, it } from 'vitest';
import { speedOf } from './decode-speed.ts';

it('the speed of decoding follows from the time by which a longer clip takes more', () => {
  expect(speedOf({ pictures: 300, seconds: 1.1 }, { pictures: 1200, seconds: 4.1 })).toBeCloseTo(300);
});
