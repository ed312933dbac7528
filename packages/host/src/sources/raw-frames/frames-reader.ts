// SPDX-License-Identifier: Apache-2.0
/** The frames of docs/RAW-FRAMES.md: a header of 40 bytes, little endian, before each. */
import type { Fraction } from '@paravideo/core';
import type { HeaderFound, HeaderReader } from './header-reader.ts';
import { ProducerFault, printable } from './producer-fault.ts';
import { checkedPicture, describePicture, frameBytes, isCoded, type RawPicture, samePicture } from './raw-picture.ts';

/** Bytes of a header. */
export const FRAME_HEADER_BYTES = 40;
/** What a header begins with. */
export const FRAME_MAGIC = 'PVFR';
/** The one version that there is. */
export const FRAME_VERSION = 1;

/** The fields of a header, and where they stand. */
export const FRAME_HEADER = {
  magic: 0,
  version: 4,
  fourcc: 8,
  width: 12,
  height: 16,
  intervalNumerator: 20,
  intervalDenominator: 24,
  bytes: 28,
  timestamp: 32,
} as const;

/** See the top of the file. */
export class FramesReader implements HeaderReader {
  readonly #expected: Fraction;
  readonly #header = new Uint8Array(FRAME_HEADER_BYTES);
  readonly #view = new DataView(this.#header.buffer);
  #length = 0;
  #picture: RawPicture | undefined;
  #most = 0;

  /** @param expected seconds per frame where a header does not say so */
  constructor(expected: Fraction) {
    this.#expected = expected;
  }

  get wants(): number {
    return FRAME_HEADER_BYTES - this.#length;
  }

  get half(): boolean {
    return this.#length > 0;
  }

  take(bytes: Uint8Array): HeaderFound | undefined {
    this.#header.set(bytes, this.#length);
    this.#length += bytes.length;
    const there = this.#header.subarray(0, Math.min(this.#length, FRAME_MAGIC.length));
    if (there.some((byte, i) => byte !== FRAME_MAGIC.charCodeAt(i))) {
      throw new ProducerFault(
        `"${printable(there)}" stands where the header of a frame, "${FRAME_MAGIC}", has to: ` +
          (this.#picture === undefined ? 'send it, or say format: y4m' : 'the frame before is longer or shorter than it said'),
      );
    }
    if (this.#length < FRAME_HEADER_BYTES) return undefined;
    this.#length = 0;
    return this.#frame();
  }

  #frame(): HeaderFound {
    const at = (field: keyof typeof FRAME_HEADER): number => this.#view.getUint32(FRAME_HEADER[field], true);
    const version = at('version');
    if (version !== FRAME_VERSION) throw new ProducerFault(`a header of version ${version}: there is version ${FRAME_VERSION}`);
    const [numerator, denominator] = [at('intervalNumerator'), at('intervalDenominator')];
    const interval = numerator === 0 || denominator === 0 ? this.#expected : { numerator, denominator };
    const said = { fourcc: at('fourcc'), width: at('width'), height: at('height'), interval, fullRange: false };
    if (this.#picture === undefined || !samePicture(this.#picture, said)) {
      this.#picture = checkedPicture(said);
      this.#most = frameBytes(said);
    }
    const bytes = at('bytes');
    const fits = isCoded(said.fourcc) ? bytes > 0 && bytes <= this.#most : bytes === this.#most;
    if (!fits) {
      throw new ProducerFault(
        `a frame of ${bytes} bytes: ${describePicture(said)} has ${isCoded(said.fourcc) ? `1 to ${this.#most}` : this.#most}`,
      );
    }
    const timestamp = at('timestamp') + this.#view.getUint32(FRAME_HEADER.timestamp + 4, true) * 2 ** 32;
    return { kind: 'frame', picture: this.#picture, bytes, timestamp };
  }
}
