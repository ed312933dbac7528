// SPDX-License-Identifier: Apache-2.0
import { expect, it } from 'vitest';
import { send, socketpair } from '../sys/index.ts';
import { BYTES_PER_TURN, FramedSocket } from './framed-socket.ts';
import { DisconnectedError } from './transport-error.ts';

it('reads only so many bytes in one turn of the event loop, however much lies in the socket', async () => {
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
  for (let i = 0; i < 3; i++) {
    turns.push(0);
    socket.poll();
  }
  expect(BYTES_PER_TURN).toBeLessThan(3 * size);
  expect(turns).toEqual([2, 2, 1]);
});
