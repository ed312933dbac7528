// SPDX-License-Identifier: Apache-2.0
/** Cuts coded input into what a decoder takes at a time: one picture with the headers before it. */

/** Coded data of one picture; `id` names the input in which it began. */
export interface AccessUnit {
  readonly id: number;
  readonly bytes: Buffer;
}

/** What came of an input. `understood` is false if nothing in it looked like the codec. */
export interface Cut {
  readonly units: readonly AccessUnit[];
  readonly understood: boolean;
}

/** A cutter of one stream. It keeps what may go on in the next input, and headers whose picture has not come yet. */
export interface Splitter {
  /** The input's units. With `mayContinue` its last one is kept, because its end is not known. */
  push(id: number, bytes: Buffer, mayContinue: boolean): Cut;
  /** What was kept: nothing follows it. */
  flush(): readonly AccessUnit[];
  /** Forgets data that was kept; headers of earlier inputs stay. */
  reset(): void;
}
