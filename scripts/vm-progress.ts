// SPDX-License-Identifier: Apache-2.0
/** What the commands `npm run vm:setup` and `uml:setup` have in common: what they say while they work, and how they end. */
import { LabError, MirrorError } from '../test/vm/lab/index.ts';

/** EX_TEMPFAIL of sysexits.h */
const TEMPORARY_FAILURE = 75;

/** Does the work and says how it goes, with the seconds since its start. Returns the exit status; says what `LabError` says. */
export async function setUp(
  work: (progress: (part: string, step: string) => void, ready: (what: string) => void) => Promise<void>,
): Promise<number> {
  const started = performance.now();
  const seconds = () => ((performance.now() - started) / 1000).toFixed(0).padStart(4);
  try {
    await work(
      (part, step) => console.log(`${seconds()} s  ${part}: ${step}`),
      (what) => console.log(`${seconds()} s  ready: ${what}`),
    );
    return 0;
  } catch (error) {
    if (!(error instanceof LabError)) throw error;
    console.error(error.message);
    return error instanceof MirrorError ? TEMPORARY_FAILURE : 1;
  }
}
