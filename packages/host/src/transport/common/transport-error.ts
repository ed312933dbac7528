// SPDX-License-Identifier: Apache-2.0
/** The connection ended before an answer came, or before something could be sent. */
export class DisconnectedError extends Error {
  override readonly name = 'DisconnectedError';
}

/** A device cannot be served at the path that was asked for; the message says what to do. */
export class SocketPathError extends Error {
  override readonly name = 'SocketPathError';
}

/** A page of a guest's memory was gone when it was touched: zeros are there now, and the guest's connection ends. */
export class MemoryFaultError extends Error {
  override readonly name = 'MemoryFaultError';

  constructor() {
    super("a page of the guest's memory was not there when it was touched: its file was shrunk, or the machine had none to give");
  }
}
