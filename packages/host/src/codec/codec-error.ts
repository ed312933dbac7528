// SPDX-License-Identifier: Apache-2.0
/** A decoder was used in a way that its port does not allow: our own mistake, never a guest's or a bitstream's. */
export class CodecError extends Error {
  override readonly name = 'CodecError';
}
