// SPDX-License-Identifier: Apache-2.0
import { expect, it } from 'vitest';
import { send, socketpair } from '../../sys/index.ts';
import { BYTES_PER_TURN, FramedSocket } from './framed-socket.ts';
import { DisconnectedError } from './transport-error.ts';

it('a framed socket reads a bounded number of bytes in one turn of the event loop, however many are there', async () => {
  const [ours, theirs] = socketpair();
  using _theirs = theirs;
  const turns: number[] = [];
  const size = 30_000;
  using socket = new FramedSocket(
    ours,
    { headerBytes: 4, maxFds: 1, payloadBytes: () => size - 4, violation: (_, message) => new DisconnectedError(message) },
    {
      frame: () => {
        turns[turns.length - 1] = (turns.at(-1) ?? 0) + 1;
      },
      closed: () => {},
    },
  );
  const message = new Uint8Array(5 * size);
  let sent = 0;
  while (sent < message.length) {
    const now = send(theirs, message.subarray(sent));
    expect(typeof now).toBe('number');
    sent += now as number;
  }
  const frames = (): number => turns.reduce((sum, count) => sum + count, 0);
  while (frames() < 5) {
    turns.push(0);
    socket.poll();
    // On a machine that is slow a turn ends sooner, by its time, but never without a message.
    expect(turns.at(-1)).toBeGreaterThan(0);
  }
  expect(BYTES_PER_TURN).toBeLessThan(3 * size);
  expect(Math.max(...turns)).toBeLessThanOrEqual(2);
});
