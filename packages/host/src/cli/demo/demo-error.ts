// SPDX-License-Identifier: Apache-2.0
/** The demo cannot go on: a missing tool, an unusable file, a daemon that did not start. The message names the remedy. */
export class DemoError extends Error {
  override readonly name = 'DemoError';
}
