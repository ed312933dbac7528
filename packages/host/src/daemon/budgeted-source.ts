// SPDX-License-Identifier: Apache-2.0
import { type FrameSource, NoMemoryError } from '@paravideo/core';
import type { MemoryBudget } from '../memory/index.ts';
import { FramePool } from '../sources/index.ts';

/**
 * A source as one guest has it, whose frames count for that guest while it streams: those of its layout, whether or not others share
 * them, since it may be the last who does.
 */
export function budgetedSource(source: FrameSource, budget: MemoryBudget): FrameSource {
  return {
    get capabilities() {
      return source.capabilities;
    },
    get presence() {
      return source.presence;
    },
    watch: (listener) => source.watch(listener),
    start: (wanted, consumer) => {
      let taken = FramePool.bytes(wanted.layout);
      if (!budget.take(taken)) {
        throw new NoMemoryError(
          `${taken} bytes of frames beside ${budget.used} are more than the ${budget.limit} that a guest may have, or than all guests ` +
            'together may: raise guest-buffers or all-buffers',
        );
      }
      const give = (): void => {
        budget.give(taken);
        taken = 0;
      };
      try {
        const stream = source.start(wanted, {
          wantsFrame: () => consumer.wantsFrame(),
          frame: (frame) => consumer.frame(frame),
          lost: (reason) => {
            give();
            consumer.lost(reason);
          },
        });
        return {
          [Symbol.dispose]: () => {
            stream[Symbol.dispose]();
            give();
          },
        };
      } catch (error) {
        give();
        throw error;
      }
    },
    controls: source.controls,
  };
}
