// SPDX-License-Identifier: Apache-2.0
import type { Fit, PictureLayout, PlaneStorage } from '@paravideo/core';

/** What Y'CbCr means in the pictures of both sides. */
export interface PictureColours {
  /** AVCOL_SPC_* */
  readonly matrix: number;
  /** luma from 0 to 255, not from 16 to 235 */
  readonly fullRange: boolean;
}

/** What the event loop tells the converting thread. `id` names a conversion; messages are taken in order. */
export type ConvertRequest =
  | {
      readonly kind: 'open';
      readonly id: number;
      readonly from: PictureLayout;
      readonly to: PictureLayout;
      readonly colours: PictureColours;
      /** of coded pictures, 1 to 100 */
      readonly quality: number;
      readonly fit: Fit;
      /** the frame pool, pinned until `closed` */
      readonly address: number;
      readonly length: number;
      /** where each memory plane lies in a slot */
      readonly planes: readonly { readonly offset: number; readonly length: number }[];
    }
  | {
      readonly kind: 'convert';
      readonly id: number;
      /** of the slot in the pool */
      readonly offset: number;
      /** memory planes of the picture, which stay as they are until the answer */
      readonly from: readonly PlaneStorage[];
    }
  | { readonly kind: 'close'; readonly id: number };

/**
 * What the converting thread answers: to `convert`, the bytes of each memory plane, or that the picture could not be made; to `close`: it
 * does not touch that pool any more.
 */
export type ConvertAnswer =
  | { readonly kind: 'converted'; readonly id: number; readonly bytes: readonly number[] | undefined }
  | { readonly kind: 'closed'; readonly id: number };
