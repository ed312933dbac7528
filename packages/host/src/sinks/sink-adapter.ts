// SPDX-License-Identifier: Apache-2.0
import type { Frame, PictureLayout, PlayedPicture } from '@paravideo/core';
import type { z } from 'zod';
import type { Log } from '../log/index.ts';
import type { CopyPool } from '../memory/copy/index.ts';

/** From the beginning of what a guest plays to its end. None of these throws. */
export interface SinkPlay {
  /** False while it cannot take a frame: that frame is left out. */
  wantsFrame(): boolean;
  /** Takes a frame, which is lent for the length of the call; `retain` keeps it. */
  frame(frame: Frame): void;
  /** No frame follows. */
  end(): void;
}

/** One place to which an output goes. Disposing of it ends what it does; it resolves when nothing of it is left. */
export interface OutputSink extends AsyncDisposable {
  /** V4L2 pixel formats that it takes now, preferred one first; empty: any */
  readonly formats: readonly number[];
  /** A guest begins to play, or what it plays changes. Throws `SinkError` if that cannot be taken, with what to do. */
  begin(picture: PlayedPicture): SinkPlay;
  /** Bytes of the frames that it keeps itself while pictures of this layout, which it takes, are played. */
  frameBytes?(layout: PictureLayout): number;
  /** Calls when what is played is to be begun again, since the sink takes other formats than before. */
  watch?(again: () => void): Disposable;
}

/** What sinks are made with. */
export interface SinkParts {
  readonly log: Log;
  /** name of the output */
  readonly name: string;
  readonly copies: CopyPool;
}

/** A kind of sink that a configuration can name: `sinks: [{ KIND: …, … }]`. */
export interface SinkAdapter<S = unknown> {
  /** the field that says that a sink is of this kind, such as `file`; no other adapter has it */
  readonly kind: string;
  /** all that may be written, in which the field `kind` is one */
  readonly settings: z.ZodType<S>;
  /** The same settings with the paths in them, which are relative to the configuration's folder, made absolute. */
  anchored?(settings: S, anchor: (path: string) => string): S;
  /** Throws or rejects with `SinkError`, with what to do, if it cannot be had. */
  open(settings: S, parts: SinkParts): OutputSink | Promise<OutputSink>;
}
