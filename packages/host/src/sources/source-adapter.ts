// SPDX-License-Identifier: Apache-2.0
import type { Capture, Fraction, PictureSize } from '@paravideo/core';
import type { z } from 'zod';
import type { Log } from '../log/index.ts';

/** What becomes of streams while a source is away. `error`: they end, as V4L2 has it; `no-signal`: they go on with a picture that says so. */
export const ABSENCE_POLICIES = ['error', 'no-signal'] as const;
/** One of them. */
export type AbsencePolicy = (typeof ABSENCE_POLICIES)[number];

/** A kind of source that a configuration can name: `sources: { NAME: { KIND: …, … } }`. */
export interface SourceAdapter<S = unknown> {
  /** the field that says that a source is of this kind, such as `file`; no other adapter has it */
  readonly kind: string;
  /** all that may be written, in which the field `kind` is one; absent: that field alone, with nothing in it */
  readonly settings?: z.ZodType<S>;
  /** what `absent` of the configuration is unless it is written; error. `never`: a source that is always there has no such field. */
  readonly absent?: AbsencePolicy | 'never';
  /** It makes pictures of every shape itself: what `fit` is, if there is such a field, is in its settings. */
  readonly fits?: boolean;
  /** only one source of a configuration may be of this kind */
  readonly once?: boolean;
  /** The same settings with the paths in them, which are relative to the configuration's folder, made absolute. */
  anchored?(settings: S, anchor: (path: string) => string): S;
  /** What the settings say of the pictures of a source that was never seen. */
  expected?(settings: S): { readonly size?: PictureSize; readonly interval?: Fraction };
  /** Throws or rejects with `SourceError`, with what to do, if it cannot be had. */
  open(settings: S, o: SourceParts): Capture | Promise<Capture>;
}

/** What sources are made with. */
export interface SourceParts {
  readonly log: Log;
  /** What is played into an output of the configuration; absent where there are no outputs. */
  readonly played?: (output: string) => Capture;
}
