// SPDX-License-Identifier: Apache-2.0
/** What a guest's proxy and its thread tell each other. Files are numbered by who opens them, and so are requests. */
import type { NodeAnswer, NodeBuffersAnswer, NodeRequest } from '@paravideo/core';
import type { NodeCapability } from '../v4l2/index.ts';

/** Asked of the thread; each is answered, in order. */
export type ProxyRequest =
  | { readonly kind: 'open'; readonly id: number; readonly file: number; readonly path: string }
  | { readonly kind: 'call'; readonly id: number; readonly file: number; readonly request: NodeRequest }
  | { readonly kind: 'buffers'; readonly id: number; readonly file: number; readonly request: NodeRequest }
  | { readonly kind: 'close'; readonly id: number; readonly file: number };

/** What became of an opening. */
export type OpenedNode =
  | { readonly errno: 0; readonly capability: NodeCapability }
  | { readonly errno: number; readonly capability: undefined };

/** Told by the thread: answers, and what an open node tells by itself. */
export type ProxyTold =
  | { readonly kind: 'opened'; readonly id: number; readonly opened: OpenedNode }
  | { readonly kind: 'answer'; readonly id: number; readonly answer: NodeAnswer }
  | { readonly kind: 'buffers'; readonly id: number; readonly answer: NodeBuffersAnswer }
  | { readonly kind: 'closed'; readonly id: number }
  | { readonly kind: 'done'; readonly file: number; readonly buffer: DataView; readonly planes: DataView }
  | { readonly kind: 'failed'; readonly file: number; readonly type: number }
  | { readonly kind: 'event'; readonly file: number; readonly event: DataView }
  | { readonly kind: 'gone'; readonly file: number };

/** The answer to a call of a node that cannot be asked any more. */
export function refusal(errno: number): NodeBuffersAnswer {
  const nothing = new Uint8Array(0);
  return { errno, payload: nothing, planes: nothing, controls: nothing, contents: [], buffers: [] };
}
