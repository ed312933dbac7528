// SPDX-License-Identifier: Apache-2.0
/** What a decoder and an encoder have in common: memory is lent to them by number and comes back by it. */
import type { BufferMemory } from './buffer-memory.ts';

/** Codecs, independent of any protocol's numbers. */
export type CodecId = 'h264' | 'hevc' | 'vp8' | 'vp9' | 'av1' | 'mpeg2' | 'mjpeg' | 'toy';

/** Memory for one result: a picture in the layout given to a decoder, or coded data. */
export interface CodecTarget {
  readonly id: number;
  /** one per memory plane of the layout; one for coded data */
  readonly planes: readonly BufferMemory[];
}

/** What every codec can be asked. Methods do not block, and do not throw for what the data does. */
export interface Codec {
  supply(target: CodecTarget): void;
  /** Let out everything that was made of the inputs so far, then `drained`. Inputs submitted later start afresh after it. */
  drain(): void;
  /**
   * Drops all inputs and results in flight (seek). When it resolves the inputs are free and no event of the past follows; targets
   * stay lent.
   */
  flush(): Promise<void>;
  /** Takes back all targets. When it resolves nothing writes to them. Results not yet delivered wait for new targets. */
  recall(): Promise<void>;
  /** Ends the codec. When it resolves nothing is read or written any more. */
  close(): Promise<void>;
}

/** What every codec tells its user. Called on the event loop; no method may throw. */
export interface CodecEvents {
  /** The input was used up (or, not ok, could not be used at all) and its memory is free. */
  inputDone(id: number, ok: boolean): void;
  /** Answer to `drain`: every result of the inputs before it has come. */
  drained(): void;
  /** The codec died. All loans are void, nothing is written any more; only `close` is allowed after this. */
  failed(reason: string): void;
}
