// SPDX-License-Identifier: Apache-2.0
import type { ControlPort, FrameSource } from '../ports/index.ts';

/** The same source with other controls. */
export function withControls(source: FrameSource, controls: ControlPort): FrameSource {
  return {
    controls,
    get capabilities() {
      return source.capabilities;
    },
    get presence() {
      return source.presence;
    },
    watch: (listener) => source.watch(listener),
    start: (wanted, consumer) => source.start(wanted, consumer),
  };
}
