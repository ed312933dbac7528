// SPDX-License-Identifier: Apache-2.0
/** Something about the codec library went wrong that is not the fault of a bitstream. */
export class AvError extends Error {
  override readonly name = 'AvError';
  readonly kind: 'missing' | 'call';

  constructor(kind: 'missing' | 'call', message: string, options?: ErrorOptions) {
    super(message, options);
    this.kind = kind;
  }
}
