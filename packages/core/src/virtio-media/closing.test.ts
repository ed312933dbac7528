// SPDX-License-Identifier: Apache-2.0
/** CLOSE and reset are over when nothing of a session touches guest memory any more, whoever asked first. */
import { describe, expect, it } from 'vitest';
import { CaptureDevice, type MediaDevice, type SessionEvents } from '../device/index.ts';
import { CaptureClient, MediaDriver } from '../driver/index.ts';
import { HeapAccess } from '../memory/index.ts';
import { ManualClock, mediaTransport, SolidSource } from '../testing/index.ts';
import { V4L2_CAP_STREAMING, V4L2_CAP_VIDEO_CAPTURE } from '../wire/index.ts';

/** Lets every microtask run that is due. */
const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0));

/** A device whose sessions close when the test says so. */
function slow() {
  const closing = Promise.withResolvers<void>();
  let closes = 0;
  let events: SessionEvents | undefined;
  const device: MediaDevice = {
    deviceCaps: V4L2_CAP_VIDEO_CAPTURE | V4L2_CAP_STREAMING,
    deviceType: 0,
    card: 'Slow',
    open: (given) => {
      events = given;
      return {
        ioctl: () => 25,
        plane: () => undefined,
        // As little as the port asked for once: only the first call waits.
        close: () => (++closes === 1 ? closing.promise : undefined),
      };
    },
  };
  const transport = mediaTransport({ device: () => device });
  return { transport, finish: closing.resolve, fail: (errno: number) => events?.error(errno) };
}

async function states(...work: Promise<unknown>[]): Promise<string[]> {
  const seen = work.map(() => 'pending');
  for (const [i, each] of work.entries()) {
    void each.then(() => {
      seen[i] = 'over';
    });
  }
  await turn();
  return seen;
}

describe('the end of a session', () => {
  it('a reset waits for sessions whose CLOSE is under way', async () => {
    const { transport, finish } = slow();
    const session = await (await MediaDriver.attach(transport)).open();
    void session.close().catch(() => {});
    await turn();
    const closed = transport.close();
    expect(await states(closed)).toEqual(['pending']);
    finish();
    await closed;
  });

  it('CLOSE waits for a session that broke and is being closed', async () => {
    const { transport, finish, fail } = slow();
    const session = await (await MediaDriver.attach(transport)).open();
    fail(5);
    await turn();
    const closed = session.close();
    expect(await states(closed)).toEqual(['pending']);
    finish();
    await closed;
    await transport.close();
  });

  it('a second close waits for the first, and so does disposing of the device', async () => {
    const source = new SolidSource();
    const copied = Promise.withResolvers<boolean>();
    let device: CaptureDevice | undefined;
    const transport = mediaTransport({
      device: ({ arena, memory }) => {
        const access = Object.assign(new HeapAccess(arena, memory), { store: () => copied.promise });
        device = new CaptureDevice({ source, buffers: arena, access, clock: new ManualClock() });
        return device;
      },
    });
    const client = await CaptureClient.open(await MediaDriver.attach(transport), { memory: 'shared-pages' });
    await client.configure();
    await client.start();
    source.tick();
    const first = transport.close();
    await turn();
    const second = (device as CaptureDevice)[Symbol.asyncDispose]();
    expect(await states(first, second)).toEqual(['pending', 'pending']);
    copied.resolve(true);
    await Promise.all([first, second]);
  });
});
