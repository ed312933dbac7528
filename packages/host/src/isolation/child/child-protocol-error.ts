// SPDX-License-Identifier: Apache-2.0
/** The other process said something that the protocol does not allow. Towards a child: kill it, it may be compromised. */
export class ChildProtocolError extends Error {
  override readonly name = 'ChildProtocolError';
}
