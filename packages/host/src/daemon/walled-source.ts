// SPDX-License-Identifier: Apache-2.0
import type { FrameSource } from '@paravideo/core';
import { GuestWall } from '../transport/common/index.ts';

/** A shared source as one guest has it: what the source begins belongs to no guest, and what this guest throws reaches no other. */
export function walledSource(source: FrameSource): FrameSource {
  return {
    get capabilities() {
      return source.capabilities;
    },
    get presence() {
      return source.presence;
    },
    watch: (listener) => source.watch(GuestWall.bind(listener, undefined)),
    start: (wanted, consumer) => {
      const walled = {
        wantsFrame: GuestWall.bind(() => consumer.wantsFrame(), false),
        frame: GuestWall.bind(consumer.frame.bind(consumer), undefined),
        lost: GuestWall.bind(consumer.lost.bind(consumer), undefined),
      };
      const stream = GuestWall.outside(() => source.start(wanted, walled));
      return { [Symbol.dispose]: () => GuestWall.outside(() => stream[Symbol.dispose]()) };
    },
    controls: {
      get declared() {
        return source.controls.declared;
      },
      get: (id) => source.controls.get(id),
      set: (id, value) => GuestWall.outside(() => source.controls.set(id, value)),
      onChange: (listener) => source.controls.onChange(GuestWall.bind(listener, undefined)),
    },
  };
}
