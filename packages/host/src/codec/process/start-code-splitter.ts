// SPDX-License-Identifier: Apache-2.0
import { JoinedInputs } from './joined-inputs.ts';
import type { AccessUnit, SplitInput, Splitter } from './splitter.ts';
import type { UnitClassifier } from './start-codes.ts';

const START_CODE = Buffer.from([0, 0, 1]);
const NOTHING = Buffer.alloc(0);

/** Most bytes of headers that wait for a picture. */
const MAX_HEADERS = 1024 * 1024;

/**
 * Cuts H.264, HEVC and MPEG-2. Headers that come without a picture are put in front of the next one: a decoder that gets
 * them alone reports an error. Two fields of a frame are one unit, also where each comes in an input of its own.
 *
 * Every byte is looked at once: what was found in the inputs so far is remembered.
 */
export class StartCodeSplitter implements Splitter {
  readonly #classifier: UnitClassifier;
  readonly #inputs = new JoinedInputs();
  #headers = NOTHING;
  /** where the unit that is being collected begins, where the next start code is looked for, places in the joined inputs */
  #start = 0;
  #scan = 0;
  /** the first byte after the last start code */
  #open: number | undefined;
  /** where headers after a first field begin: of the second, or of the next picture */
  #between: number | undefined;
  #picture = false;
  /** whether there was a start code in what is understood together */
  #found = false;

  constructor(classifier: UnitClassifier) {
    this.#classifier = classifier;
  }

  get steady(): boolean {
    return this.#classifier.steady;
  }

  push(id: number, bytes: Buffer, mayContinue: boolean): SplitInput {
    this.#inputs.add(id, bytes);
    const units: AccessUnit[] = [];
    this.#look(units, !mayContinue);
    if (mayContinue) return { units, understood: this.#keep() };
    const understood = this.#found;
    if (this.#picture && this.#classifier.half) {
      this.#close(this.#inputs.length);
      this.#found = false;
      return { units, understood: this.#keep() && understood };
    }
    this.#end(units);
    return { units, understood };
  }

  get begun(): AccessUnit | undefined {
    if (!this.#picture) return undefined;
    const bytes = Buffer.concat([this.#headers, this.#inputs.data.subarray(this.#start)]);
    return { id: this.#inputs.idAt(this.#start), bytes };
  }

  flush(): readonly AccessUnit[] {
    const units: AccessUnit[] = [];
    this.#look(units, true);
    this.#end(units);
    return units;
  }

  reset(): void {
    this.#inputs.clear();
    this.#begin(0);
    this.#scan = 0;
    this.#open = undefined;
    this.#found = false;
  }

  /** Finds start codes and cuts before pictures. `whole`: what is there is all of the last unit. */
  #look(units: AccessUnit[], whole: boolean): void {
    const { data } = this.#inputs;
    for (;;) {
      const code = data.indexOf(START_CODE, this.#scan);
      if (code < 0) {
        // The first bytes of a start code may be there already.
        this.#scan = Math.max(this.#scan, data.length - START_CODE.length + 1);
        return;
      }
      const at = code + START_CODE.length;
      this.#scan = code;
      if (!whole && at + this.#classifier.lookahead > data.length) return;
      this.#found = true;
      // A zero byte before a start code belongs to it, except where a slice may end with one.
      const end = this.#classifier.zeroByte && code > this.#start && data[code - 1] === 0 ? code - 1 : code;
      this.#close(end);
      this.#open = at;
      this.#scan = at;
      this.#place(units, at, end);
    }
  }

  /** Decides where the unit at `at`, which begins at `begin` with its start code, belongs. */
  #place(units: AccessUnit[], at: number, begin: number): void {
    const { data } = this.#inputs;
    const kind = this.#classifier.classify(data, at);
    if (this.#picture && kind === 'before') {
      if (this.#classifier.half) this.#between ??= begin;
      else this.#cut(units, begin);
    } else if (this.#picture && kind === 'first') {
      this.#cut(units, this.#between ?? begin);
    }
    if (kind === 'first' || kind === 'more') {
      this.#picture = true;
      this.#between = undefined;
      this.#classifier.picture(data, at);
    }
  }

  /** The last unit ends at `end`. */
  #close(end: number): void {
    if (this.#open !== undefined && end > this.#open) this.#classifier.complete(this.#inputs.data, this.#open, end);
    this.#open = undefined;
  }

  #cut(units: AccessUnit[], end: number): void {
    this.#emit(units, end);
    this.#begin(end);
  }

  #begin(start: number): void {
    this.#start = start;
    if (this.#picture) this.#classifier.cut();
    this.#picture = false;
    this.#between = undefined;
  }

  /** Everything that is left goes out: nothing continues it. */
  #end(units: AccessUnit[]): void {
    const { length } = this.#inputs;
    this.#close(length);
    if (this.#between !== undefined) this.#cut(units, this.#between);
    if (this.#found || this.#picture) this.#emit(units, length);
    this.reset();
  }

  /** Forgets what went out; false, and all is forgotten, if there is too much for one picture: that is no video. */
  #keep(): boolean {
    const start = this.#start;
    if (!this.#inputs.keepFrom(start)) {
      this.reset();
      return false;
    }
    this.#start = 0;
    this.#scan = Math.max(0, this.#scan - start);
    if (this.#open !== undefined) this.#open -= start;
    if (this.#between !== undefined) this.#between -= start;
    return true;
  }

  #emit(units: AccessUnit[], end: number): void {
    const bytes = this.#inputs.data.subarray(this.#start, end);
    if (bytes.length === 0) return;
    if (!this.#picture) {
      const headers = Buffer.concat([this.#headers, bytes]);
      this.#headers = headers.length > MAX_HEADERS ? NOTHING : headers;
      return;
    }
    const { entry } = this.#classifier;
    units.push({
      id: this.#inputs.idAt(this.#start),
      bytes: this.#headers.length === 0 ? bytes : Buffer.concat([this.#headers, bytes]),
      ...(entry === undefined ? {} : { entry }),
    });
    this.#headers = NOTHING;
  }
}
