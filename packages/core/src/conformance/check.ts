// SPDX-License-Identifier: Apache-2.0
/** What a check of a back-end is. */
import type { CheckContext } from './check-context.ts';

/** Kinds of device that a check is for. */
export type Applicability = 'any' | 'capture' | 'decoder';

/** One check, against any virtio-media back-end. */
export interface ConformanceCheck {
  /** the MUST ids that it tests, the main one first (VM-D…, VM-DX…, P…, STOP); of the kernel's decoder document: DEC */
  readonly ids: readonly string[];
  readonly title: string;
  /** where the rule stands: VIRTIO 1.4, or the document that names it */
  readonly section: string;
  readonly applies: Applicability;
  /** Resolves if the device is right; rejects with `CheckFailure` or `CheckSkip`. */
  run(ctx: CheckContext): Promise<void>;
}
