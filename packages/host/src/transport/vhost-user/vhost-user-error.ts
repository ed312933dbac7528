// SPDX-License-Identifier: Apache-2.0
/** The rule that was broken: an id of the checks in docs/THREAT-MODEL.md. */
export type CheckId = `VU-V${number}`;

/** The other side broke the framing or the order of the protocol. Nothing it sends afterwards can be trusted: the connection ends. */
export class VhostProtocolError extends Error {
  override readonly name = 'VhostProtocolError';
  readonly check: CheckId;

  constructor(check: CheckId, message: string) {
    super(message);
    this.check = check;
  }
}

/** A well-formed request that cannot be granted. It is acknowledged with a failure where the sender asked for that, and changes nothing. */
export class VhostRefusedError extends Error {
  override readonly name = 'VhostRefusedError';
  readonly check: CheckId;

  constructor(check: CheckId, message: string) {
    super(message);
    this.check = check;
  }
}
