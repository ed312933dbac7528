// SPDX-License-Identifier: Apache-2.0
import type { SourcePresence } from '../ports/index.ts';

/**
 * Whether a source is there.
 *
 *     absent --came--> present --went--> lost
 *                         ^                |
 *                         +------came------+
 */
export class PresenceMachine {
  #state: SourcePresence;

  /** @param absent why it is not there; undefined: it is */
  constructor(absent: string | undefined) {
    this.#state = absent === undefined ? { kind: 'present' } : { kind: 'absent', reason: absent };
  }

  get state(): SourcePresence {
    return this.#state;
  }

  /** Takes what the adapter says now; the edge, if it is one. */
  update(absent: string | undefined): 'came' | 'went' | undefined {
    const { kind } = this.#state;
    switch (kind) {
      case 'present':
        if (absent === undefined) return undefined;
        this.#state = { kind: 'lost', reason: absent };
        return 'went';
      case 'absent':
      case 'lost':
        this.#state = absent === undefined ? { kind: 'present' } : { kind, reason: absent };
        return absent === undefined ? 'came' : undefined;
    }
  }
}
