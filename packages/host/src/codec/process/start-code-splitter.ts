// SPDX-License-Identifier: Apache-2.0
import { JoinedInputs } from './joined-inputs.ts';
import type { AccessUnit, Cut, Splitter } from './splitter.ts';
import type { Classifier } from './start-codes.ts';

const START_CODE = Buffer.from([0, 0, 1]);
const NOTHING = Buffer.alloc(0);

/** Most bytes of headers that wait for a picture. */
const MAX_HEADERS = 1024 * 1024;

/**
 * Cuts H.264, HEVC and MPEG-2. Headers that come without a picture are put in front of the next one: a decoder that gets
 * them alone reports an error.
 */
export class StartCodeSplitter implements Splitter {
  readonly #classifier: Classifier;
  readonly #inputs = new JoinedInputs();
  #headers = NOTHING;

  constructor(classifier: Classifier) {
    this.#classifier = classifier;
  }

  push(id: number, bytes: Buffer, mayContinue: boolean): Cut {
    this.#inputs.add(id, bytes);
    return this.#cut(mayContinue);
  }

  flush(): readonly AccessUnit[] {
    return this.#cut(false).units;
  }

  reset(): void {
    this.#inputs.clear();
  }

  #cut(mayContinue: boolean): Cut {
    const { data } = this.#inputs;
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
        this.#emit(units, start, end, true);
        start = end;
        picture = false;
        this.#classifier.cut();
        kind = this.#classifier.classify(data, at);
      }
      if (kind === 'first' || kind === 'more') picture = true;
    }
    if (mayContinue) {
      // Too much is no video: it is dropped.
      return { units, understood: this.#inputs.keepFrom(start) };
    }
    if (found && start < data.length) this.#emit(units, start, data.length, picture);
    this.#inputs.clear();
    return { units, understood: found };
  }

  #emit(units: AccessUnit[], start: number, end: number, picture: boolean): void {
    const bytes = this.#inputs.data.subarray(start, end);
    if (!picture) {
      const headers = Buffer.concat([this.#headers, bytes]);
      this.#headers = headers.length > MAX_HEADERS ? NOTHING : headers;
      return;
    }
    units.push({
      id: this.#inputs.idAt(start),
      bytes: this.#headers.length === 0 ? bytes : Buffer.concat([this.#headers, bytes]),
    });
    this.#headers = NOTHING;
  }
}
