// SPDX-License-Identifier: Apache-2.0
import { hasSize, intervalOf } from '@paravideo/core';
import { z } from 'zod';
import type { SourceAdapter } from '../source-adapter.ts';
import { PATTERN_SIZES } from './pattern-capabilities.ts';
import { openPattern } from './pattern-source.ts';
import { SCENE_KINDS } from './scene.ts';

/** Characters of a line of one's own: as many as the name of a camera has. */
const MAX_TEXT = 31;

const patternSize = z
  .string()
  .regex(/^\d{1,5}x\d{1,5}$/, 'must look like 1280x720')
  .transform((text) => {
    const [width = 0, height = 0] = text.split('x').map(Number);
    return { width, height };
  })
  .refine(
    (size) => hasSize({ kind: 'stepwise', range: PATTERN_SIZES }, size),
    'must be even, and lie between 96x64 and 4096x2160',
  );

const patternOptions = z.strictObject({
  kind: z.enum(SCENE_KINDS).optional(),
  caption: z.boolean().optional(),
  text: z.string().min(1).max(MAX_TEXT).optional(),
  moving: z.boolean().optional(),
  size: patternSize.optional(),
  fps: z.number().min(5).max(120).optional(),
  card: z.string().min(1).optional(),
});

/** The test pattern. */
export const patternAdapter: SourceAdapter<{ pattern?: z.output<typeof patternOptions> | null | undefined }> = {
  kind: 'pattern',
  absent: 'never',
  fits: true,
  settings: z.strictObject({ pattern: patternOptions.nullish() }),
  open: ({ pattern }, { log }) => {
    const { fps, ...options } = pattern ?? {};
    return openPattern({ log, ...options, interval: fps === undefined ? undefined : intervalOf(fps) });
  },
};
