// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { ThreadError } from './thread-error.ts';
import { serveThread } from './thread-main.ts';
import { WorkerThread } from './worker-thread.ts';

type Echo = WorkerThread<string, string>;

function start(): { thread: Echo; heard: string[]; next: () => Promise<void>; dead: Promise<string> } {
  const heard: string[] = [];
  let wake = Promise.withResolvers<void>();
  const death = Promise.withResolvers<string>();
  const thread: Echo = new WorkerThread('./testing/echo-worker', import.meta.url, 'echo', {
    message: (text) => {
      heard.push(text);
      wake.resolve();
      wake = Promise.withResolvers();
    },
    died: death.resolve,
  });
  return { thread, heard, next: () => wake.promise, dead: death.promise };
}

describe('a worker thread', () => {
  it('answers in order, and ends after what was posted before', async () => {
    const { thread, heard, next } = start();
    thread.post('one');
    await next();
    thread.post('two');
    thread.post('three');
    await thread.close();
    await thread.close();
    expect(thread.state).toBe('closed');
    // What was still on its way when the owner closed is of no interest to him any more.
    expect(heard[0]).toBe('one: echo');
    thread.post('four');
  });

  it('says why it died, and takes no more messages', async () => {
    const { thread, heard, dead } = start();
    thread.post('die');
    expect(await dead).toBe('worker thread echo: ThreadError: told to die');
    expect(thread.state).toBe('dead');
    thread.post('one');
    await thread.close();
    expect(heard).toEqual([]);
  });

  it('can be closed while it is still starting', async () => {
    for (let i = 0; i < 10; i++) await start().thread.close();
  });

  it('has a body that throws when it is called elsewhere', () => {
    expect(() => serveThread(() => {})).toThrow(ThreadError);
  });
});
