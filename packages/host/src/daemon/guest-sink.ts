// SPDX-License-Identifier: Apache-2.0
import { type FrameSink, NoMemoryError, type PictureLayout } from '@paravideo/core';
import type { MemoryBudget } from '../memory/index.ts';
import { GuestWall } from '../transport/common/index.ts';

/**
 * A sink as one guest has it: what becomes of its frames belongs to no guest, and the memory of the frames that it plays, and of
 * what sinks make and keep of them, counts for the guest while it plays.
 * @param bytesOf that memory for pictures of a layout
 */
export function guestSink(
  sink: FrameSink,
  budget: MemoryBudget | undefined,
  bytesOf: (layout: PictureLayout) => number,
): FrameSink {
  return {
    modes: sink.modes,
    start: (picture) => {
      const bytes = bytesOf(picture.layout);
      if (budget?.take(bytes) === false) {
        throw new NoMemoryError(
          `${bytes} bytes of frames beside ${budget.used} are more than the ${budget.limit} that a guest may have, or than all guests ` +
            'together may: raise guest-buffers or all-buffers',
        );
      }
      let taken = true;
      const give = (): void => {
        if (taken) budget?.give(bytes);
        taken = false;
      };
      try {
        const stream = GuestWall.outside(() => sink.start(picture));
        return {
          room: () => {
            const room = GuestWall.outside(() => stream.room());
            return (
              room && {
                planes: room.planes,
                show: (moment) => GuestWall.outside(() => room.show(moment)),
                abandon: () => GuestWall.outside(() => room.abandon()),
              }
            );
          },
          [Symbol.dispose]: () => {
            GuestWall.outside(() => stream[Symbol.dispose]());
            give();
          },
        };
      } catch (error) {
        give();
        throw error;
      }
    },
  };
}
