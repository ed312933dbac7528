// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { started, WRITE } from '../testing/queue-rig.ts';
import type { Chain } from '../virtqueue/chain.ts';
import { CommandLoop } from './command-loop.ts';

/** A loop over a ring of 64 commands, a clock that only the test moves, and what it did. */
function rig(command: (chain: Chain, loop: CommandLoop, tick: (milliseconds: number) => void) => void) {
  const { ring, queue } = started({ size: 64 });
  for (let i = 0; i < 64; i++) ring.descriptor(i, { addr: ring.data + 64 * i, len: 8, flags: WRITE });
  ring.offer(Array.from({ length: 64 }, (_, i) => i));
  let now = 0;
  const seen = { again: 0, notified: 0, batches: 0, handled: [] as number[] };
  const loop: CommandLoop = new CommandLoop({
    queue,
    budget: { commands: 10, milliseconds: 2, waitingBytes: 1000 },
    now: () => now,
    command: (chain) => {
      seen.handled.push(chain.head);
      command(chain, loop, (milliseconds) => {
        now += milliseconds;
      });
    },
    notify: () => seen.notified++,
    begin: () => seen.batches++,
    end: () => {},
    again: () => seen.again++,
  });
  return { ring, queue, loop, seen };
}

describe('CommandLoop', () => {
  it('ends a wake-up after its number of commands, with one interrupt for all of them', () => {
    const { loop, seen, ring } = rig((chain, self) => self.answer(chain, 8));
    expect(loop.run()).toBe(true);
    expect([seen.handled.length, seen.notified, seen.batches, ring.usedIndex]).toEqual([10, 1, 1, 10]);
    for (let i = 1; i < 6; i++) expect(loop.run()).toBe(true);
    expect(loop.run()).toBe(false);
    expect([seen.handled.length, seen.notified]).toEqual([64, 7]);
  });

  it('ends a wake-up after its time: each of these commands takes 0.7 ms, so three of them', () => {
    const { loop, seen } = rig((chain, self, tick) => {
      tick(0.7);
      self.answer(chain, 8);
    });
    expect([loop.run(), seen.handled.length]).toEqual([true, 3]);
    expect([loop.run(), seen.handled.length]).toEqual([true, 6]);
  });

  it('takes one command at least, however long it is', () => {
    const { loop, seen } = rig((chain, self, tick) => {
      tick(500);
      self.answer(chain, 8);
    });
    expect([loop.run(), seen.handled.length]).toEqual([true, 1]);
  });

  it('takes no further command while those that wait have too many bytes, and asks to be run when they have gone', () => {
    const done: (() => void)[] = [];
    const { loop, seen } = rig((_chain, self) => done.push(self.keep(400)));
    expect([loop.run(), seen.handled.length, loop.waitingBytes]).toEqual([false, 3, 1200]);
    expect([loop.run(), seen.handled.length]).toEqual([false, 3]);
    done.shift()?.();
    expect([seen.again, loop.waitingBytes]).toEqual([1, 800]);
    expect([loop.run(), seen.handled.length]).toEqual([false, 4]);
    done.shift()?.();
    expect(seen.again).toBe(2);
  });

  it('gives postponed work a budget, too, and takes nothing from the ring for it', () => {
    const { loop, seen } = rig((chain, self) => self.answer(chain, 8));
    let worked = 0;
    for (let i = 0; i < 25; i++) loop.postpone(() => worked++);
    expect(seen.again).toBe(1);
    loop.resume();
    expect([worked, seen.again]).toEqual([10, 2]);
    loop.resume();
    loop.resume();
    expect([worked, seen.again, seen.handled.length]).toEqual([25, 3, 0]);
  });

  it('is idle when every command was answered, and after a reset that forgets them', async () => {
    const held: Chain[] = [];
    const { loop } = rig((chain) => held.push(chain));
    loop.run();
    let idle = 0;
    const first = loop.idle().then(() => idle++);
    for (const chain of held.splice(1)) loop.batch(() => loop.answer(chain, 0));
    await Promise.resolve();
    expect(idle).toBe(0);
    loop.batch(() => loop.answer(held[0] as Chain, 0));
    await first;
    expect(idle).toBe(1);
    loop.run();
    const second = loop.idle();
    loop.reset();
    await second;
  });

  it('counts no bytes of an earlier life', () => {
    const done: (() => void)[] = [];
    const { loop } = rig((_chain, self) => done.push(self.keep(400)));
    loop.run();
    loop.reset();
    for (const end of done) end();
    expect(loop.waitingBytes).toBe(0);
  });
});
