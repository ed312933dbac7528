// SPDX-License-Identifier: Apache-2.0
import type { Stage } from '../live-fault.ts';

/** The stream cannot be shown, or not any more. */
export class LiveFault extends Error {
  readonly stage: Stage;
  /** FFmpeg's number; 0 where it has nothing to do with it */
  readonly code: number;

  constructor(stage: Stage, code = 0) {
    super(`${stage} (${code})`);
    this.name = 'LiveFault';
    this.stage = stage;
    this.code = code;
  }
}
