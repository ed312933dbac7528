// SPDX-License-Identifier: Apache-2.0
/** libcamera's own program, `cam`. */
import { execFile } from 'node:child_process';
import { SourceError } from '@paravideo/core';
import { CommandProcess } from '../raw-frames/index.ts';
import type { CamFormat } from './cam-text.ts';

/** Milliseconds in which `cam` has to say what cameras there are. */
const PATIENCE = 20_000;
/** Bytes of what it says, at most. */
const MAX_TEXT = 1 << 20;

/**
 * Runs `cam` for what it says. Rejects with `SourceError`, with the remedy.
 * @param signal ends it
 */
export function camSays(cam: string, args: readonly string[], signal: AbortSignal): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(cam, args, { timeout: PATIENCE, maxBuffer: MAX_TEXT, killSignal: 'SIGKILL', signal }, (error, stdout) => {
      if (error === null) return resolve(stdout);
      if (error.code === 'ENOENT') {
        return reject(new SourceError(`there is no program ${cam}: install libcamera's tools (Debian: libcamera-tools)`));
      }
      const how = error.killed === true ? `did not answer in ${PATIENCE / 1000} s` : `failed (exit code ${error.code ?? '?'})`;
      reject(new SourceError(`${cam} ${args.join(' ')} ${how}: see what it says when you run it`));
    });
  });
}

/** Starts `cam` with its frames on standard output; what it says of them comes on stderr. Throws `SysError`. */
export function startCam(
  cam: string,
  o: {
    readonly id: string;
    readonly format: CamFormat;
    readonly width: number;
    readonly height: number;
    readonly stderr: (bytes: Buffer) => void;
  },
): CommandProcess {
  const stream = `width=${o.width},height=${o.height},pixelformat=${o.format.name}`;
  // `cam` opens the file for each frame and writes it whole: a pipe by its descriptor will do.
  const swapped = 'exec "$@" 4>&1 1>&2';
  return new CommandProcess({
    command: ['sh', '-c', swapped, 'sh', cam, '-c', o.id, '-C', '-s', stream, '--file=/dev/fd/4'],
    folder: '/',
    stderr: o.stderr,
  });
}
