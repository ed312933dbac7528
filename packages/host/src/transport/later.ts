// SPDX-License-Identifier: Apache-2.0
/** Has `work` done after `rest` milliseconds, or else, if there are none, after everybody else's turn of the event loop. */
export function later(rest: number, work: () => void): void {
  if (rest > 0) setTimeout(work, Math.ceil(rest));
  else setImmediate(work);
}
