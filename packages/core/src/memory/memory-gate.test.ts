// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { MemoryGate } from './memory-gate.ts';

/** Lets every microtask run that is due. */
const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0));

describe('the gate of guest memory', () => {
  it('closes when the accesses under way have ended, and holds back new ones', async () => {
    const gate = new MemoryGate();
    const inside = Promise.withResolvers<boolean>();
    const first = gate.enter(() => inside.promise);
    const order: string[] = [];
    const closed = gate.close().then(() => order.push('closed'));
    const second = gate.enter(async () => order.push('second') > 0);
    const third = gate.enter(async () => order.push('third') > 0);
    await turn();
    expect([gate.open, order]).toEqual([false, []]);
    inside.resolve(true);
    await closed;
    await turn();
    expect([await first, order]).toEqual([true, ['closed']]);
    gate.reopen();
    expect([await second, await third, order]).toEqual([true, true, ['closed', 'second', 'third']]);
  });

  it('gives up the accesses that wait, and lets new ones in when it is open again', async () => {
    const gate = new MemoryGate();
    await gate.close();
    let ran = 0;
    const waiting = gate.enter(async () => ++ran > 0);
    gate.giveUp();
    expect(await waiting).toBe(false);
    gate.reopen();
    expect(await gate.enter(async () => true)).toBe(true);
    expect(ran).toBe(0);
  });

  it('tells when the accesses of now have ended, whatever comes after them', async () => {
    const gate = new MemoryGate();
    expect(gate.ended()).toBeUndefined();
    const now = Promise.withResolvers<boolean>();
    void gate.enter(() => now.promise);
    const ended = gate.ended();
    void gate.enter(() => new Promise(() => {}));
    now.resolve(false);
    await ended;
    expect(gate.ended()).toBeDefined();
  });
});
