// SPDX-License-Identifier: Apache-2.0
/** A camera whose source goes and comes, through the whole protocol. */

import { afterEach, describe, expect, it } from 'vitest';
import { CaptureClient } from '../../driver/index.ts';
import { errnoOf, SolidSource, TestCameras } from '../../testing/index.ts';
import {
  V4L2_BUF_TYPE_VIDEO_CAPTURE as CAPTURE,
  Errno,
  V4L2_BUF_FLAG_ERROR,
  V4L2_BUF_FLAG_QUEUED,
  V4L2_IN_ST_NO_SIGNAL,
} from '../../wire/index.ts';

const cameras = new TestCameras();
const { guest } = cameras;
afterEach(async () => expect(await cameras.close()).toEqual([]));

describe('a camera whose source may go away', () => {
  it('returns every buffer with ERROR when the camera is lost, answers EIO, and works again after STREAMOFF', async () => {
    const source = new SolidSource();
    const { driver } = await guest(source);
    const client = await CaptureClient.open(driver, { buffers: 3 });
    await client.configure();
    await client.start();
    source.unplug();
    for (let i = 0; i < 3; i++) expect((await client.session.dqbuf(CAPTURE)).flags & V4L2_BUF_FLAG_ERROR).not.toBe(0);
    expect(await errnoOf(client.session.qbuf({ index: 0, type: CAPTURE }))).toBe(Errno.EIO);
    expect(await errnoOf(client.session.streamon(CAPTURE))).toBe(Errno.EIO);
    await client.stop();
    source.plug();
    await client.start();
    source.tick();
    expect((await client.next()).error).toBe(false);
    await client.close();
  });

  it('stops watching its source when it is disposed of', async () => {
    const source = new SolidSource();
    const watch = source.watch.bind(source);
    let watchers = 0;
    source.watch = (listener) => {
      const watching = watch(listener);
      watchers += 1;
      return {
        [Symbol.dispose]: () => {
          watchers -= 1;
          watching[Symbol.dispose]();
        },
      };
    };
    const { device } = await guest(source);
    expect(watchers).toBe(1);
    await device[Symbol.asyncDispose]();
    expect(watchers).toBe(0);
  });

  it('answers ENODEV to STREAMON and S_FMT while the camera is away, and its input has no signal', async () => {
    const source = new SolidSource();
    const { driver } = await guest(source);
    const session = await driver.open();
    await session.reqbufs(CAPTURE, 1);
    await session.qbuf({ index: 0, type: CAPTURE });
    source.unplug();
    const format = await session.gFmt(CAPTURE);
    expect(await errnoOf(session.sFmt(format))).toBe(Errno.ENODEV);
    expect(await errnoOf(session.streamon(CAPTURE))).toBe(Errno.ENODEV);
    expect((await session.enumInput(0))?.status).toBe(V4L2_IN_ST_NO_SIGNAL);
    expect((await session.querybuf(CAPTURE, 0)).flags & V4L2_BUF_FLAG_QUEUED).not.toBe(0);
    source.plug();
    await session.streamon(CAPTURE);
    source.tick();
    expect((await session.dqbuf(CAPTURE)).sequence).toBe(0);
    expect((await session.enumInput(0))?.status).toBe(0);
  });
});
