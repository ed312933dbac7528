// SPDX-License-Identifier: Apache-2.0
/** How a check ends. */

/** The device is wrong; the message says what was seen and what should have been. */
export class CheckFailure extends Error {
  override readonly name = 'CheckFailure';
}

/** The check cannot be made on this device, or from here; the message is the reason. */
export class CheckSkip extends Error {
  override readonly name = 'CheckSkip';
}

/** Throws `CheckFailure` unless `condition` holds. */
export function must(condition: boolean, message: string): asserts condition {
  if (!condition) throw new CheckFailure(message);
}

/** Throws `CheckFailure` unless both are the same value. */
export function mustEqual<T>(actual: T, expected: T, what: string): void {
  if (!Object.is(actual, expected)) throw new CheckFailure(`${what} is ${String(actual)}, not ${String(expected)}`);
}

/** Ends the check: it cannot be made. */
export function skip(reason: string): never {
  throw new CheckSkip(reason);
}
