// SPDX-License-Identifier: Apache-2.0
import type { Clock, Fraction } from '@paravideo/core';

/** Most pictures of a warm-up. */
const MOST = 12;
/** Microseconds after which no further picture is begun: what is not quick by now will not become so. */
const LONGEST = 300_000;

/**
 * Makes pictures for nobody until they come at their pace: a thread that is only just starting, code that was never run and
 * memory that was never touched make the first ones take many times as long as the rest. Resolves after `least` pictures, or
 * later if they still take more than half an interval; at once when one cannot be made.
 */
export async function warmUp(clock: Clock, interval: Fraction, least: number, make: () => Promise<boolean>): Promise<void> {
  const half = (1e6 * interval.numerator) / interval.denominator / 2;
  const begun = clock.now();
  for (let made = 0, took = 0; made < least || (took > half && made < MOST); made += 1) {
    const before = clock.now();
    if (made > 0 && before - begun > LONGEST) return;
    if (!(await make())) return;
    took = clock.now() - before;
  }
}
