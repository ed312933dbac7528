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
    capabilities: source.capabilities,
    open: (consumer) => {
      let wanted = 0;
      let taken = 0;
      const give = (): void => {
        budget.give(taken);
        taken = 0;
      };
      const stream = source.open({
        wantsFrame: () => consumer.wantsFrame(),
        frame: (frame) => consumer.frame(frame),
        lost: (reason) => {
          give();
          consumer.lost(reason);
        },
      });
      return {
        configure: (layout, interval) => {
          stream.configure(layout, interval);
          wanted = FramePool.bytes(layout);
        },
        start: () => {
          if (!budget.take(wanted)) {
            throw new NoMemoryError(
              `${wanted} bytes of frames beside ${budget.used} are more than the ${budget.limit} that a guest may have, or than all guests ` +
                'together may: raise guest-buffers or all-buffers',
            );
          }
          taken = wanted;
          try {
            stream.start();
          } catch (error) {
            give();
            throw error;
          }
        },
        stop: () => {
          stream.stop();
          give();
        },
        close: () => {
          stream.close();
          give();
        },
      };
    },
    control: (id) => source.control(id),
    setControl: (id, value) => source.setControl(id, value),
    onControlChange: (listener) => source.onControlChange(listener),
  };
}
