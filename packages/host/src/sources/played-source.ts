// SPDX-License-Identifier: Apache-2.0
import { SourceError } from '@paravideo/core';
import { z } from 'zod';
import type { SourceAdapter } from './source-adapter.ts';

/** What a guest plays into an output of the same configuration, by the output's name. */
export const playedAdapter: SourceAdapter<{ output: string }> = {
  kind: 'output',
  settings: z.strictObject({ output: z.string().min(1) }),
  open: ({ output }, { played }) => {
    if (played === undefined) throw new SourceError(`there is no output ${output} here`);
    return played(output);
  },
};
