// SPDX-License-Identifier: Apache-2.0
import { EventEmitter } from 'node:events';
import type { ServerResponse } from 'node:http';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Viewer } from './viewer.ts';

/** An answer whose client reads when it is told to. */
class HeldResponse extends EventEmitter {
  readonly written: (string | Uint8Array)[] = [];
  destroyed = false;
  #flushed: (() => void)[] = [];

  cork(): void {}
  uncork(): void {}

  write(chunk: string | Uint8Array, flushed?: () => void): boolean {
    this.written.push(chunk);
    if (flushed !== undefined) this.#flushed.push(flushed);
    return true;
  }

  destroy(): void {
    this.destroyed = true;
    this.emit('close');
  }

  read(): void {
    for (const flushed of this.#flushed.splice(0)) flushed();
  }

  get pictures(): number[] {
    return this.written.flatMap((chunk) => (typeof chunk === 'string' ? [] : [chunk[0] ?? 0]));
  }
}

describe('a viewer', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  const open = () => {
    const response = new HeldResponse();
    return { response, viewer: new Viewer(response as unknown as ServerResponse) };
  };

  it('has one picture on the way, and is given the next that comes when it has taken that', () => {
    const { response, viewer } = open();
    for (const i of [1, 2, 3]) viewer.show(Uint8Array.of(i));
    expect(response.pictures).toEqual([1]);
    response.read();
    for (const i of [4, 5]) viewer.show(Uint8Array.of(i));
    expect(response.pictures).toEqual([1, 4]);
  });

  it('is disconnected when it takes nothing for ten seconds, and not while nothing is on the way', () => {
    const { response, viewer } = open();
    viewer.show(Uint8Array.of(1));
    vi.advanceTimersByTime(9999);
    response.read();
    vi.advanceTimersByTime(3_600_000);
    expect(response.destroyed).toBe(false);
    viewer.show(Uint8Array.of(2));
    vi.advanceTimersByTime(10_000);
    expect(response.destroyed).toBe(true);
    expect(vi.getTimerCount()).toBe(0);
  });
});
