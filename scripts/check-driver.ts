// SPDX-License-Identifier: Apache-2.0
/**
 * Checks the style of the guest driver with the kernel's own checkpatch.pl, which is fetched into the cache of test guests.
 *
 *   npm run check:driver
 */
import { cacheFolder, checkDriverStyle, LabError } from '../test/vm/lab/index.ts';

try {
  const complaints = await checkDriverStyle(cacheFolder(), (step) => console.log(`checkpatch: ${step}`));
  for (const complaint of complaints) console.error(complaint);
  console.log(`driver: ${complaints.length === 0 ? 'nothing to complain about' : `${complaints.length} findings`}`);
  process.exitCode = complaints.length === 0 ? 0 : 1;
} catch (error) {
  if (!(error instanceof LabError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
