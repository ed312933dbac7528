// SPDX-License-Identifier: Apache-2.0

/**
 * Why a front-end failed: the other side `closed` the connection, was `silent` for too long, answered what is not its
 * protocol (`garbled`), or something else (`refused`: a request, a device that is none, guest memory that is used up).
 */
export type FrontendFailure = 'closed' | 'silent' | 'garbled' | 'refused';

/** The back-end refused a request, answered nonsense, is silent or gone; or guest memory is used up. */
export class FrontendError extends Error {
  override readonly name = 'FrontendError';
  readonly why: FrontendFailure;

  constructor(message: string, why: FrontendFailure = 'refused') {
    super(message);
    this.why = why;
  }
}
