// SPDX-License-Identifier: Apache-2.0
import type { RawPicture } from './raw-picture.ts';

/** A frame whose bytes follow. */
export interface FrameStart {
  readonly kind: 'frame';
  readonly picture: RawPicture;
  /** bytes that follow, at least 1 */
  readonly bytes: number;
  /** microseconds of the monotonic clock; 0: when it came */
  readonly timestamp: number;
}

/** What was found in the bytes between pictures. */
export type HeaderFound = { readonly kind: 'picture'; readonly picture: RawPicture } | FrameStart;

/**
 * Reads what stands around the pixels of a stream, and never asks for more than that: the pixels are read elsewhere, straight to
 * where they are to lie. One reader for each producer. Its bytes are bounded.
 */
export interface HeaderReader {
  /** bytes that it can do something with next, 1 or more */
  readonly wants: number;
  /** a header has begun and is not whole */
  readonly half: boolean;
  /** Takes `wants` bytes or fewer, which it does not keep. Throws `ProducerFault` for what cannot be. */
  take(bytes: Uint8Array): HeaderFound | undefined;
}
