// SPDX-License-Identifier: Apache-2.0
import type { PictureLayout } from '@paravideo/core';
import type { ColourMatrix } from './colour.ts';
import type { PatternSettings, PatternSubject } from './renderer.ts';
import type { PatternMoment } from './scene.ts';

/** What the event loop tells the pattern thread. `id` names a rendition; messages are taken in order. */
export type PatternRequest =
  | {
      readonly kind: 'open';
      readonly id: number;
      readonly layout: PictureLayout;
      readonly matrix: ColourMatrix;
      readonly subject: PatternSubject;
      /** the frame pool, pinned until `closed` */
      readonly address: number;
      readonly length: number;
      /** where each plane lies in a slot */
      readonly planes: readonly { readonly offset: number; readonly length: number }[];
    }
  | {
      readonly kind: 'render';
      readonly id: number;
      readonly offset: number;
      readonly moment: PatternMoment;
      readonly settings: PatternSettings;
    }
  | { readonly kind: 'close'; readonly id: number };

/** What the pattern thread answers: to `render`: the picture is made; to `close`: it does not touch that pool any more. */
export type PatternAnswer = { readonly kind: 'rendered'; readonly id: number } | { readonly kind: 'closed'; readonly id: number };
