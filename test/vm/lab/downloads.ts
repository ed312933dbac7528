// SPDX-License-Identifier: Apache-2.0
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { Apt } from './apt.ts';
import { installHostTools } from './host-tools.ts';
import { findMirror, type Mirror } from './mirror.ts';
import type { OpenApt } from './roots.ts';

/** Package managers whose downloads lie in the cache until they are forgotten; the tools and the archive are looked for once. */
export function aptIn(cache: string, progress: (step: string) => void): OpenApt {
  let mirror: Mirror | undefined;
  return async ({ architecture, suites }) => {
    if (mirror === undefined) {
      await installHostTools(progress);
      mirror = await findMirror();
    }
    return Apt.open({ folder: join(folder(cache), [architecture, ...suites].join('-')), mirror, architecture, suites });
  };
}

/** Removes what was downloaded, once it is unpacked. */
export function forgetDownloads(cache: string): void {
  rmSync(folder(cache), { recursive: true, force: true });
}

const folder = (cache: string) => join(cache, 'apt');
