// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { HostileRing } from '../../testing/hostile-ring.ts';
import { Random } from '../../testing/random.ts';

describe('a hostile driver', () => {
  test('VU-V8 to VU-V13: a ring that is wrong breaks, a ring that is right does not, and every chain comes back once', () => {
    let broken = 0;
    let chains = 0;
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const hostile = new HostileRing(new Random(seed));
        for (let i = 0; i < 200; i++) hostile.step();
        broken += hostile.broken;
        chains += hostile.chains;
      }),
      { numRuns: 150 },
    );
    // both kinds really came
    expect(broken).toBeGreaterThan(1000);
    expect(chains).toBeGreaterThan(2 * broken);
  });
});
