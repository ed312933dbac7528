// SPDX-License-Identifier: Apache-2.0
/** The other side broke the framing or the order of the protocol. Nothing it sends afterwards can be trusted: the connection ends. */
export class VfioProtocolError extends Error {
  override readonly name = 'VfioProtocolError';
}

/** A well-formed command that cannot be granted. It is answered with `errno` and changes nothing. */
export class VfioRefusedError extends Error {
  override readonly name = 'VfioRefusedError';
  readonly errno: number;

  constructor(errno: number, message: string) {
    super(message);
    this.errno = errno;
  }
}
