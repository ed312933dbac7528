// SPDX-License-Identifier: Apache-2.0
import type { FrameSource } from '../ports/index.ts';

/** The same source, whose streams begin in another way. */
export function withStart(source: FrameSource, start: FrameSource['start']): FrameSource {
  return {
    start,
    controls: source.controls,
    get capabilities() {
      return source.capabilities;
    },
    get presence() {
      return source.presence;
    },
    watch: (listener) => source.watch(listener),
  };
}
