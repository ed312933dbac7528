// SPDX-License-Identifier: Apache-2.0
/** What is wrong with a ring, in one word for programs. */
export const QUEUE_ERROR_CODES = [
  /** size, alignment or place of the ring; a queue started twice */
  'layout',
  /** a part of the ring is not in guest memory any more */
  'ring-gone',
  /** the available index is more than the queue size ahead */
  'available-jump',
  /** more chains taken and not returned than the queue has entries */
  'too-many-chains',
  /** a head that is not below the queue size */
  'head-range',
  /** a head that the device still holds */
  'head-in-flight',
  /** `next` is outside the descriptor table */
  'next-range',
  /** the chain never ends */
  'loop',
  /** more descriptors than allowed */
  'too-many-descriptors',
  /** more bytes than allowed */
  'too-many-bytes',
  /** a range that guest memory does not cover */
  'address',
  /** a readable descriptor after a writable one */
  'order',
  /** an indirect descriptor that was not negotiated, is nested, or continues */
  'indirect',
  /** an indirect table that is empty, too long, or no multiple of 16 bytes */
  'indirect-length',
  /** a used entry that names no chain of the driver, or more bytes than the chain takes */
  'used',
  /** a request of our own side that no ring can carry */
  'usage',
] as const;

/** One of `QUEUE_ERROR_CODES`. */
export type QueueErrorCode = (typeof QUEUE_ERROR_CODES)[number];

/**
 * A malformed ring or chain. On the device side it is a value (`VirtQueue.error`) and only `start` throws it; the driver
 * side throws it, for the device is not the driver's enemy but out of order.
 */
export class QueueError extends Error {
  override readonly name = 'QueueError';
  readonly code: QueueErrorCode;

  constructor(code: QueueErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}
