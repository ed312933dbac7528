// SPDX-License-Identifier: Apache-2.0
import { cacheFolder } from '../../vm/lab/index.ts';
import { setupUml } from '../lab/index.ts';

/** Before the first suite: fetches and builds what is not in the cache, and fails where that fails. */
export default async function setup(): Promise<void> {
  await setupUml({ cache: cacheFolder(), progress: (part, step) => process.stderr.write(`uml:setup ${part}: ${step}\n`) });
}
