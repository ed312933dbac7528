// SPDX-License-Identifier: Apache-2.0
import type { FrameSource } from '@paravideo/core';
import { GuestWall } from '../transport/index.ts';

/** A shared source as one guest has it: what the source begins belongs to no guest, and what this guest throws reaches no other. */
export function walledSource(source: FrameSource): FrameSource {
  return {
    capabilities: source.capabilities,
    open: (consumer) => {
      const walled = {
        wantsFrame: GuestWall.bind(() => consumer.wantsFrame(), false),
        frame: GuestWall.bind(consumer.frame.bind(consumer), undefined),
        lost: GuestWall.bind(consumer.lost.bind(consumer), undefined),
      };
      const stream = GuestWall.outside(() => source.open(walled));
      return {
        configure: (layout, interval) => GuestWall.outside(() => stream.configure(layout, interval)),
        start: () => GuestWall.outside(() => stream.start()),
        stop: () => GuestWall.outside(() => stream.stop()),
        close: () => GuestWall.outside(() => stream.close()),
      };
    },
    control: (id) => source.control(id),
    setControl: (id, value) => GuestWall.outside(() => source.setControl(id, value)),
    onControlChange: (listener) => source.onControlChange(GuestWall.bind(listener, undefined)),
  };
}
