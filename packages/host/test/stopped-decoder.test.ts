// SPDX-License-Identifier: Apache-2.0
/** A decoder in guest pages whose machine is paused again and again: its pictures are those of a decoder that never was. */
import { createHash } from 'node:crypto';
import { type GuestBlock, MediaDriver } from '@paravideo/core';
import { describe, expect, it } from 'vitest';
import { DaemonProcess } from '../src/daemon/index.ts';
import { connectFrontend, connectVfioFrontend } from '../src/frontend/index.ts';
import { CodedFilm, visibleMd5 } from './coded-film.ts';

/** Pictures from one pause to the next. */
const EVERY = 3;

const FILMS = [
  ['pictures out of order', new CodedFilm('h264', 'h264-b-frames.h264')],
  ['a size that changes', new CodedFilm('vp9', 'vp9-resized.ivf')],
] as const;

describe.each(['vhost-user', 'vfio-user'] as const)('over %s', (transport) => {
  it.each(FILMS)('every picture of a decoder whose rings were stopped comes, and is right: %s', async (_, film) => {
    await using daemon = await DaemonProcess.start([{ kind: 'decoder', name: 'decoder', transport }]);
    const connect = transport === 'vhost-user' ? connectFrontend : connectVfioFrontend;
    await using guest = await connect(daemon.socket('decoder'), { memoryBytes: 16 << 20 });
    const blocks: GuestBlock[] = [];
    const allocate = guest.allocate.bind(guest);
    guest.allocate = (length, align) => {
      const block = allocate(length, align);
      blocks.push(block);
      return block;
    };
    // The guest itself writes rings and coded data, since its driver is not paused here; pictures are the device's alone.
    const pictures = (sizes: readonly number[]): string => {
      const hash = createHash('sha256');
      for (const { bytes } of blocks) if (sizes.includes(bytes.length)) hash.update(bytes);
      return hash.digest('hex');
    };
    const client = await film.open(await MediaDriver.attach(guest), 'shared-pages');
    const found: string[] = [];
    let pauses = 0;
    for await (const picture of client.decode(film.chunks)) {
      found.push(visibleMd5(picture));
      if (found.length % EVERY !== 1) continue;
      const { sizes } = picture.layout;
      await guest.pause();
      const before = pictures(sizes);
      // The codec process works on meanwhile.
      await new Promise((resolve) => setTimeout(resolve, 30));
      expect(pictures(sizes)).toBe(before);
      await guest.resume();
      pauses += 1;
    }
    expect(found).toEqual(film.md5s);
    expect(pauses).toBe(Math.ceil(film.md5s.length / EVERY));
    await client.close();
  });
});
