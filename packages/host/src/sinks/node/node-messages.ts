// SPDX-License-Identifier: Apache-2.0
/** What a sink that is a V4L2 node and its thread tell each other. */
import type { PlaneStorage, PlayedPicture } from '@paravideo/core';

/** Asked of the thread. `id` names what is played once; what is said of one that has ended is without effect. */
export type NodeRequest =
  | { readonly kind: 'start'; readonly id: number; readonly path: string; readonly picture: PlayedPicture }
  | {
      readonly kind: 'frame';
      readonly id: number;
      readonly frame: number;
      /** memory planes of the picture, which stay as they are until the answer */
      readonly planes: readonly PlaneStorage[];
    }
  | { readonly kind: 'stop'; readonly id: number };

/** Told by the thread. */
export type NodeAnswer =
  | {
      readonly kind: 'started';
      readonly id: number;
      readonly card: string;
      /** buffers for frames */
      readonly room: number;
      /** V4L2 formats that the node takes */
      readonly formats: readonly number[];
    }
  /** a frame was copied: its memory is not touched any more */
  | { readonly kind: 'copied'; readonly id: number; readonly frame: number }
  /** the driver has played a buffer, in which another frame has room */
  | { readonly kind: 'room'; readonly id: number }
  | {
      readonly kind: 'ended';
      readonly id: number;
      /** with what to do about it */
      readonly reason: string;
      /** V4L2 formats that the node takes; undefined where it could not be asked */
      readonly formats: readonly number[] | undefined;
    };
