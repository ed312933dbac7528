// SPDX-License-Identifier: Apache-2.0

/** A frame source was used against its contract, or its set-up cannot work. Never the doing of a guest. */
export class SourceError extends Error {
  override readonly name = 'SourceError';
}
