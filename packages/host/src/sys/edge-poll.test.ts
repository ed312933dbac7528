// SPDX-License-Identifier: Apache-2.0
import { expect, it } from 'vitest';
import { EdgePoll, eventfd, openDescriptors, pipe, signal } from './index.ts';

it('tells of each change of a descriptor once, though it can still be read', async () => {
  const before = openDescriptors();
  {
    using one = eventfd();
    using two = eventfd();
    const told: number[] = [];
    let wake: () => void = () => {};
    const next = (): Promise<void> =>
      new Promise((resolve) => {
        wake = resolve;
      });
    using poll = new EdgePoll((token) => {
      told.push(token);
      wake();
    });
    poll.add(one, 11, 'data');
    poll.add(two, 22, 'urgent');
    // What can be written to is told of at the beginning.
    if (told.length === 0) await next();
    told.length = 0;
    const first = next();
    signal(two);
    signal(one);
    await first;
    const second = next();
    signal(one);
    await second;
    expect(told).toEqual([11, 11]);
    poll.remove(one);
    signal(one);
    await new Promise((resolve) => setImmediate(resolve));
    expect(told).toHaveLength(2);
    poll.remove(two);
  }
  expect(openDescriptors()).toBe(before);
});

it('says when the other end is gone', async () => {
  const [read, write] = pipe();
  using reading = read;
  const hungUp = Promise.withResolvers<boolean>();
  using poll = new EdgePoll((_token, gone) => hungUp.resolve(gone));
  poll.add(reading, 1, 'urgent');
  write.close();
  expect(await hungUp.promise).toBe(true);
});
