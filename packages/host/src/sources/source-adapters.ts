// SPDX-License-Identifier: Apache-2.0
import { z } from 'zod';
import { openMediaFile } from './media-file/index.ts';
import { openPattern } from './pattern/index.ts';
import type { SourceAdapter } from './source-adapter.ts';

/** The test pattern. */
export const patternAdapter: SourceAdapter<object | null | undefined> = {
  kind: 'pattern',
  settings: z.strictObject({}).nullish(),
  open: (_settings, { log }) => openPattern({ log }),
};

/** A media file, by its path. */
export const fileAdapter: SourceAdapter<string> = {
  kind: 'file',
  settings: z.string().min(1),
  anchored: (path, anchor) => anchor(path),
  open: (path, { log }) => openMediaFile(path, { log }),
};

/** The kinds of sources that a configuration can name unless it is told of others. */
export const SOURCE_ADAPTERS: readonly SourceAdapter[] = [patternAdapter, fileAdapter];
