// SPDX-License-Identifier: Apache-2.0
import type { StreamResult } from '../../stream/index.ts';
import { Errno } from '../../wire/index.ts';

/** The errno of a stream's answer. A command that means nothing now succeeds: V4L2 has no error for it. */
export function streamErrno(result: StreamResult): number {
  switch (result) {
    case 'ok':
    case 'ignored':
      return 0;
    case 'busy':
    case 'unavailable':
      return Errno.EBUSY;
    case 'failed':
      return Errno.EIO;
  }
}
