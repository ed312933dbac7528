// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { Player } from './testing/player.ts';
import { makeRig } from './testing/rig.ts';
import { codedUnits } from './testing/streams.ts';

const path = fileURLToPath(new URL('../../fixtures/h264-b-frames.h264', import.meta.url));

it('a lazy codec host has no process until it is woken or a stream needs one, and one from then on', async () => {
  await using never = makeRig({ lazy: true });
  await using woken = makeRig({ lazy: true });
  await using rig = makeRig({ lazy: true });
  woken.host.wake();
  await expect.poll(() => woken.host.pid, { timeout: 60_000 }).toBeTypeOf('number');
  const { pid } = woken.host;
  woken.host.wake();
  expect([woken.host.pid, rig.host.pid, never.host.pid]).toEqual([pid, undefined, undefined]);
  await using player = new Player(rig, 'h264');
  await player.play(codedUnits('h264', readFileSync(path)));
  expect(player.pictures.map(({ md5 }) => md5)).toEqual(readFileSync(`${path}.md5`, 'latin1').trim().split('\n'));
  expect(rig.host.pid).toBeTypeOf('number');
  expect(never.host.pid).toBeUndefined();
});
