// SPDX-License-Identifier: Apache-2.0
/**
 * Conformance suites of the ports. A suite is a list of cases, so that any test runner can run it:
 *
 * ```ts
 * for (const each of decoderSuite(openFixture)) test(each.title, each.run);
 * ```
 */

/** One case: `run` rejects with `PortError` if the adapter does not conform. Time limits are the runner's affair. */
export interface PortCase {
  readonly title: string;
  readonly run: () => Promise<void>;
}

/** An adapter broke the contract of its port; the message says which rule, and what happened. */
export class PortError extends Error {
  override readonly name = 'PortError';
}

/** Throws `PortError` unless `holds`. */
export function demand(holds: boolean, rule: string): asserts holds {
  if (!holds) throw new PortError(rule);
}

/** Throws `PortError` unless both are the same as JSON. */
export function demandSame(actual: unknown, expected: unknown, rule: string): void {
  const is = JSON.stringify(actual);
  const should = JSON.stringify(expected);
  if (is !== should) throw new PortError(`${rule}: expected ${should}, got ${is}`);
}
