// SPDX-License-Identifier: Apache-2.0

/** Makes pictures of one layout out of pictures of another. Holds native memory: dispose it. */
export interface PictureMaker extends Disposable {
  /**
   * Reads the memory planes of a picture, and writes the other to `slot`; the bytes of each of its memory planes, or undefined if it
   * cannot be made.
   */
  convert(planes: readonly Uint8Array[], slot: Uint8Array): readonly number[] | undefined;
}
