// SPDX-License-Identifier: Apache-2.0
import { GuestError } from './guest-error.ts';

/** The promise's result, or a `GuestError` if it takes too long. */
export async function withTimeout<T>(promise: Promise<T>, millis: number, message: () => string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new GuestError(message())), millis);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
