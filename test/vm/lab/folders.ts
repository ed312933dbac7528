// SPDX-License-Identifier: Apache-2.0
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/** the top of the repository, without a slash at the end */
export const REPOSITORY = fileURLToPath(new URL('../../..', import.meta.url)).replace(/\/$/, '');

/** Where everything fetched and built for test guests lies: `PARAVIDEO_VM_CACHE`, or `paravideo/vm` in the user's cache folder. */
export function cacheFolder(env: NodeJS.ProcessEnv = process.env): string {
  if (env.PARAVIDEO_VM_CACHE) return resolve(env.PARAVIDEO_VM_CACHE);
  return join(env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'paravideo', 'vm');
}
