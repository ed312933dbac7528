// SPDX-License-Identifier: Apache-2.0
/** What a guest may choose from, as it sees it: through the daemon and its sockets. */
import {
  V4L2_BUF_TYPE_VIDEO_CAPTURE as CAPTURE,
  CaptureClient,
  type DriverSession,
  type FrameSize,
  MediaDriver,
  V4L2_PIX_FMT_NV12 as NV12,
} from '@paravideo/core';
import { describe, expect, it } from 'vitest';
import { connectFrontend } from '../frontend/index.ts';
import { DaemonProcess, type DeviceInput } from './daemon-process.ts';

type CameraInput = Omit<Extract<DeviceInput, { kind: 'camera' }>, 'kind' | 'name'>;

/** Looks at a camera of the daemon. */
async function look<T>(camera: CameraInput, run: (session: DriverSession) => Promise<T>): Promise<T> {
  await using daemon = await DaemonProcess.start([{ kind: 'camera', name: 'camera', ...camera }]);
  const frontend = await connectFrontend(daemon.socket('camera'));
  const client = await CaptureClient.open(await MediaDriver.attach(frontend));
  try {
    return await run(client.session);
  } finally {
    await client.close();
    await frontend.close();
  }
}

async function sizes(session: DriverSession): Promise<FrameSize[]> {
  const found: FrameSize[] = [];
  for (;;) {
    const size = await session.enumFramesizes(NV12, found.length);
    if (size === undefined) return found;
    found.push(size);
  }
}

async function rates(session: DriverSession, width: number, height: number): Promise<string[]> {
  const found: string[] = [];
  for (;;) {
    const interval = await session.enumFrameintervals(NV12, width, height, found.length);
    if (interval === undefined) return found;
    found.push(interval.kind === 'discrete' ? `${interval.interval.numerator}/${interval.interval.denominator}` : interval.kind);
  }
}

/** What S_FMT makes of a size. */
async function granted(session: DriverSession, width: number, height: number): Promise<string> {
  const format = await session.sFmt({ ...(await session.gFmt(CAPTURE)), planes: [], width, height });
  return `${format.width}x${format.height}`;
}

describe('a camera of the daemon', () => {
  it('has a list of sizes and rates that begins with its default and ends at 1080p30', async () => {
    await look({}, async (session) => {
      const list = await sizes(session);
      expect(list[0]).toEqual({ kind: 'discrete', width: 1280, height: 720 });
      expect(list.at(-1)).toEqual({ kind: 'discrete', width: 1920, height: 1080 });
      expect(list.map(({ kind }) => kind)).toEqual(Array(13).fill('discrete'));
      expect(await session.gFmt(CAPTURE)).toMatchObject({ pixelformat: NV12, width: 1280, height: 720 });
      expect((await session.gParm(CAPTURE)).timeperframe).toEqual({ numerator: 1, denominator: 30 });
      for (const size of list) {
        if (size.kind !== 'discrete') expect.unreachable('every size is discrete');
        expect(await rates(session, size.width, size.height)).toEqual(['1/30', '1/25', '1/24', '1/20', '1/15', '1/10', '1/5']);
      }
    });
  });

  it('grants the nearest of its list', async () => {
    await look({ size: '640x480' }, async (session) => {
      expect(await granted(session, 642, 478)).toBe('640x480');
      expect(await granted(session, 1, 1)).toBe('160x120');
      expect(await granted(session, 16_384, 16_384)).toBe('1920x1080');
      expect(await rates(session, 642, 478)).toEqual([]);
      const { timeperframe } = await session.sParm(CAPTURE, { numerator: 1, denominator: 120 });
      expect(timeperframe).toEqual({ numerator: 1, denominator: 30 });
    });
  });

  it('begins its list with what the configuration asks for, and ends it there if that is more', async () => {
    await look({ size: '3840x2160', fps: 60 }, async (session) => {
      const list = await sizes(session);
      expect(list[0]).toEqual({ kind: 'discrete', width: 3840, height: 2160 });
      expect(list).toHaveLength(15);
      expect((await rates(session, 160, 120)).slice(0, 3)).toEqual(['1/60', '1/50', '1/30']);
      expect(await session.gFmt(CAPTURE)).toMatchObject({ width: 3840, height: 2160 });
      expect((await session.gParm(CAPTURE)).timeperframe).toEqual({ numerator: 1, denominator: 60 });
    });
  });

  it('has the list of its configuration and no other', async () => {
    await look({ sizes: ['320x240', '2560x1440'], rates: [15, 60] }, async (session) => {
      expect(await sizes(session)).toEqual([
        { kind: 'discrete', width: 320, height: 240 },
        { kind: 'discrete', width: 2560, height: 1440 },
      ]);
      expect(await rates(session, 320, 240)).toEqual(['1/15', '1/60']);
      expect(await session.gFmt(CAPTURE)).toMatchObject({ width: 320, height: 240 });
    });
  });

  it('with ranges grants what its source can make, and tells the rates of that', async () => {
    await look({ sizes: 'ranges' }, async (session) => {
      expect(await sizes(session)).toMatchObject([{ kind: 'stepwise', minWidth: 96, maxWidth: 4096, stepWidth: 2 }]);
      expect(await session.gFmt(CAPTURE)).toMatchObject({ width: 1280, height: 720 });
      expect(await granted(session, 643, 478)).toBe('644x478');
      expect(await rates(session, 644, 478)).toEqual(['stepwise']);
      expect(await rates(session, 643, 478)).toEqual([]);
    });
  });
});
