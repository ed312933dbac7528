// SPDX-License-Identifier: Apache-2.0
/** The back-end refused a request, answered nonsense, or is gone; or guest memory is used up. */
export class FrontendError extends Error {
  override readonly name = 'FrontendError';
}
