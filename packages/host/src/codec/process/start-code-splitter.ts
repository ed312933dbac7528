// SPDX-License-Identifier: Apache-2.0
import type { AccessUnit, Cut, Splitter } from './splitter.ts';
import type { Classifier } from './start-codes.ts';

const START_CODE = Buffer.from([0, 0, 1]);
const NOTHING = Buffer.alloc(0);

/** Most bytes that are kept waiting for the rest of a picture, and most of headers without one. */
const MAX_KEPT = 32 * 1024 * 1024;
const MAX_HEADERS = 1024 * 1024;

/**
 * Cuts H.264, HEVC and MPEG-2. Headers that come without a picture are put in front of the next one: a decoder that gets
 * them alone reports an error.
 */
export class StartCodeSplitter implements Splitter {
  readonly #classifier: Classifier;
  #kept: AccessUnit | undefined;
  #headers = NOTHING;

  constructor(classifier: Classifier) {
    this.#classifier = classifier;
  }

  push(id: number, bytes: Buffer, mayContinue: boolean): Cut {
    const kept = this.#kept;
    this.#kept = undefined;
    const data = kept === undefined ? bytes : Buffer.concat([kept.bytes, bytes]);
    const idAt = (at: number): number => (kept !== undefined && at < kept.bytes.length ? kept.id : id);
    const units: AccessUnit[] = [];
    let start = 0;
    let picture = false;
    let found = false;
    this.#classifier.cut();
    for (let code = data.indexOf(START_CODE); code >= 0; code = data.indexOf(START_CODE, code + 3)) {
      const at = code + START_CODE.length;
      // With the next input this will be looked at again, from the beginning of the unit.
      if (mayContinue && at + this.#classifier.lookahead > data.length) break;
      found = true;
      let kind = this.#classifier.classify(data, at);
      if (picture && (kind === 'first' || kind === 'before')) {
        // One zero byte before a start code belongs to it.
        const end = code > start && data[code - 1] === 0 ? code - 1 : code;
        this.#emit(units, idAt(start), data.subarray(start, end), true);
        start = end;
        picture = false;
        this.#classifier.cut();
        kind = this.#classifier.classify(data, at);
      }
      if (kind === 'first' || kind === 'more') picture = true;
    }
    const rest = data.subarray(start);
    if (rest.length === 0) return { units, understood: found };
    if (mayContinue && rest.length <= MAX_KEPT) this.#kept = { id: idAt(start), bytes: rest };
    else if (found) this.#emit(units, idAt(start), rest, picture);
    return { units, understood: found || mayContinue };
  }

  flush(): readonly AccessUnit[] {
    const kept = this.#kept;
    this.#kept = undefined;
    return kept === undefined ? [] : this.push(kept.id, kept.bytes, false).units;
  }

  reset(): void {
    this.#kept = undefined;
  }

  #emit(units: AccessUnit[], id: number, bytes: Buffer, picture: boolean): void {
    if (!picture) {
      const headers = Buffer.concat([this.#headers, bytes]);
      this.#headers = headers.length > MAX_HEADERS ? NOTHING : headers;
      return;
    }
    units.push({ id, bytes: this.#headers.length === 0 ? bytes : Buffer.concat([this.#headers, bytes]) });
    this.#headers = NOTHING;
  }
}
