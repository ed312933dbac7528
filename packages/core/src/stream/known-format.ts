// SPDX-License-Identifier: Apache-2.0
import { samePlain } from '../base/index.ts';
import type { PictureLayout } from '../picture/index.ts';
import type { Decoder, StreamFormat } from '../ports/index.ts';
import type { StreamOutputs } from './stream-events.ts';

/** A format that was found and is still to be told. */
export interface UntoldFormat {
  readonly format: StreamFormat;
  readonly change: 'initial' | 'dynamic';
  readonly outputs: StreamOutputs;
}

/**
 * What is known of the format of a stream: what its user was told, what its decoder was told, and what is still to be said.
 *
 *   unknown --found--> untold --tell--> told --found--> untold ...;   untold --drop--> found again with the next input
 */
export class KnownFormat {
  /** what the user was told last; undefined before the first */
  told: StreamFormat | undefined;
  /** the layout of the output queue */
  layout: PictureLayout | undefined;
  /** the layout that the decoder was told for the present format */
  #applied: PictureLayout | undefined;
  #untold: UntoldFormat | undefined;
  #foundAgain: StreamFormat | undefined;
  /** whether the decoder was made for a restored stream and has not found the format yet that is known */
  #rejoins: 'no' | 'yes' = 'no';

  /** The format that is found but not told; undefined if there is none. */
  get untold(): UntoldFormat | undefined {
    return this.#untold;
  }

  /** Takes over what was known when a stream was saved. */
  restore(format: StreamFormat | undefined, layout: PictureLayout | undefined): void {
    this.told = format;
    this.layout = layout;
    this.#rejoins = format === undefined ? 'no' : 'yes';
  }

  /** Forgets the format, not the layout of the output queue. */
  forget(): void {
    this.told = undefined;
    this.#applied = undefined;
    this.#untold = undefined;
    this.#foundAgain = undefined;
    this.#rejoins = 'no';
  }

  /** Sets the layout of the output queue. One that the decoder has already is not told it again. */
  use(layout: PictureLayout): void {
    this.layout = this.#applied !== undefined && samePlain(layout, this.#applied) ? this.#applied : layout;
  }

  /** Tells the decoder the layout unless it knows it. False if pictures have to wait: for the layout, or for the format. */
  apply(decoder: Decoder | undefined): boolean {
    const { layout } = this;
    if (layout === undefined || this.#rejoins === 'yes' || this.#foundAgain !== undefined) return false;
    if (this.#applied !== layout) {
      this.#applied = layout;
      decoder?.setOutput(layout);
    }
    return true;
  }

  /** The decoder found a format; it waits for a layout. */
  found(untold: UntoldFormat): void {
    this.#applied = undefined;
    this.#untold = untold;
  }

  /** The format is told now: what there is to tell, if anything. */
  tell(): UntoldFormat | undefined {
    const untold = this.#untold;
    if (untold !== undefined) this.told = untold.format;
    this.#untold = undefined;
    return untold;
  }

  /** A format was found while the input queue stops: nobody hears of it before the next input. */
  putOff(format: StreamFormat): void {
    this.#applied = undefined;
    this.#foundAgain = format;
  }

  /** The format that was found is put off, if it is not told. False if there is none. */
  dropUntold(): boolean {
    if (this.#untold === undefined) return false;
    this.putOff(this.#untold.format);
    this.#untold = undefined;
    return true;
  }

  /** The format that was put off, which is found again now. */
  findAgain(): StreamFormat | undefined {
    const again = this.#foundAgain;
    this.#foundAgain = undefined;
    return again;
  }

  /** True if the format is the one that the stream had before it was restored: nobody is told again, but the new decoder its layout. */
  rejoined(format: StreamFormat, decoder: Decoder | undefined): boolean {
    if (this.#rejoins === 'no') return false;
    this.#rejoins = 'no';
    if (this.layout === undefined || !samePlain(format, this.told)) return false;
    this.#applied = this.layout;
    decoder?.setOutput(this.layout);
    return true;
  }

  /** What keeps it from being saved, in a phase in which a format is `known` or not. */
  underWay(known: boolean): string | undefined {
    if (this.#untold !== undefined || this.#foundAgain !== undefined) return 'a format that was found is still to be told';
    const waits = known && this.#applied === undefined && this.#rejoins === 'no';
    return waits ? 'the decoder waits for the layout of the format that it found' : undefined;
  }
}
