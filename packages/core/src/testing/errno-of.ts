// SPDX-License-Identifier: Apache-2.0
import { IoctlError } from '../driver/rings/errors.ts';

/** The errno that a call came to, 0 if it succeeded. Whatever else goes wrong is thrown on. */
export async function errnoOf(call: Promise<unknown>): Promise<number> {
  try {
    await call;
    return 0;
  } catch (error) {
    if (error instanceof IoctlError) return error.errno;
    throw error;
  }
}
