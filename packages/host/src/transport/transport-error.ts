// SPDX-License-Identifier: Apache-2.0
/** The connection ended before an answer came, or before something could be sent. */
export class DisconnectedError extends Error {
  override readonly name = 'DisconnectedError';
}

/** A device cannot be served at the path that was asked for; the message says what to do. */
export class SocketPathError extends Error {
  override readonly name = 'SocketPathError';
}
