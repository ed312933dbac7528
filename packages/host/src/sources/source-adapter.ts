// SPDX-License-Identifier: Apache-2.0
import type { Capture } from '@paravideo/core';
import type { z } from 'zod';
import type { Log } from '../log/index.ts';

/** A kind of source that a configuration can name: `sources: { NAME: { KIND: …, … } }`. */
export interface SourceAdapter<S = unknown> {
  /** the field that says that a source is of this kind, such as `file`; no other adapter has it */
  readonly kind: string;
  /** all that may be written, in which the field `kind` is one; absent: that field alone, with nothing in it */
  readonly settings?: z.ZodType<S>;
  /** only one source of a configuration may be of this kind */
  readonly once?: boolean;
  /** The same settings with the paths in them, which are relative to the configuration's folder, made absolute. */
  anchored?(settings: S, anchor: (path: string) => string): S;
  /** Throws or rejects with `SourceError`, with what to do, if it cannot be had. */
  open(settings: S, o: SourceParts): Capture | Promise<Capture>;
}

/** What sources are made with. */
export interface SourceParts {
  readonly log: Log;
  /** What is played into an output of the configuration; absent where there are no outputs. */
  readonly played?: (output: string) => Capture;
}
