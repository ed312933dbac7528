// SPDX-License-Identifier: Apache-2.0
/** What a check of a back-end is. */
import type { CheckContext } from './check-context.ts';
import type { Applicability } from './device-kind.ts';

/** One check, against any virtio-media back-end. */
export interface ConformanceCheck {
  /** the rules that it tests, the main one first; docs/RULES.md says what each id means */
  readonly ids: readonly string[];
  readonly title: string;
  /** where the rule stands, named as in docs/RULES.md; a number is a section of VIRTIO 1.4 */
  readonly section: string;
  readonly applies: Applicability;
  /** Resolves if the device is right; rejects with `CheckFailure` or `CheckSkip`. */
  run(ctx: CheckContext): Promise<void>;
}
