// SPDX-License-Identifier: Apache-2.0
/** What a sink that is an HTTP server and its thread tell each other. */
import type { PlaneStorage } from '@paravideo/core';

/** Asked of the thread. */
export type HttpRequest =
  | { readonly kind: 'listen'; readonly host: string; readonly port: number }
  /** what is played begins or ends */
  | { readonly kind: 'playing'; readonly playing: boolean }
  /** a coded picture, which stays as it is until the answer */
  | { readonly kind: 'frame'; readonly frame: number; readonly plane: PlaneStorage }
  /** Nothing is served any more, and nobody is connected. */
  | { readonly kind: 'close' };

/** Told by the thread. */
export type HttpAnswer =
  | { readonly kind: 'listening'; readonly address: string }
  | { readonly kind: 'refused'; readonly reason: string }
  /** whether anybody waits for a picture */
  | { readonly kind: 'wanted'; readonly wanted: boolean }
  | { readonly kind: 'copied'; readonly frame: number }
  | { readonly kind: 'viewer'; readonly client: string; readonly viewers: number };
