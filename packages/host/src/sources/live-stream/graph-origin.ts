// SPDX-License-Identifier: Apache-2.0
import type { LiveOrigin } from './live-origin.ts';

/** What is in a graph may be as long as a page. */
export const MAX_GRAPH = 4096;

/** A graph of FFmpeg's filters that makes pictures of nothing. Its process can open no file: `movie` finds none. */
export function graphOrigin(graph: string): LiveOrigin {
  return {
    name: graph,
    network: false,
    told: { kind: 'media file', url: graph, format: 'lavfi', options: {}, lead: 0, pulled: true },
  };
}
