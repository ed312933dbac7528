// SPDX-License-Identifier: Apache-2.0
/** Cuts coded input into what a decoder takes at a time: one picture with the headers before it. */

import type { FieldFrames } from '../../av/video-codecs.ts';

/** Coded data of one picture; `id` names the input in which it began. */
export interface AccessUnit {
  readonly id: number;
  readonly bytes: Buffer;
  /** to be decoded before it, each by itself, and not to be shown: the lower spatial layers of the same picture */
  readonly layers?: readonly Buffer[];
  /** true: a decoder can begin here and show whole pictures; false: it cannot; left out where the decoder finds out itself */
  readonly entry?: boolean;
  /** the frame, where the coded pictures of the unit are its two fields and do not name it */
  readonly frame?: FieldFrames;
}

/** What came of an input. `understood` is false if nothing in it looked like the codec. */
export interface SplitInput {
  readonly units: readonly AccessUnit[];
  readonly understood: boolean;
}

/** A cutter of one stream. It keeps what may go on in the next input, and headers whose picture has not come yet. */
export interface Splitter {
  /**
   * True while the headers that say how pictures are cropped, and what shape their pixels have, have never changed: what holds
   * for one picture holds for all. False where the splitter does not know these headers.
   */
  readonly steady: boolean;
  /**
   * The input's units. With `mayContinue` its last one is kept, because its end is not known; without, a first field is
   * kept, because the second may come in the next input.
   */
  push(id: number, bytes: Buffer, mayContinue: boolean): SplitInput;
  /** What there is of the picture that is kept, if its headers are there: it may be all of it. */
  readonly begun: AccessUnit | undefined;
  /** What was kept: nothing follows it. */
  flush(): readonly AccessUnit[];
  /** Forgets data that was kept; headers of earlier inputs stay. */
  reset(): void;
}
