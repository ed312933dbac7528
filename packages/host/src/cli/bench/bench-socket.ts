// SPDX-License-Identifier: Apache-2.0
import { type MediaDriver, V4L2_CAP_VIDEO_M2M, V4L2_CAP_VIDEO_M2M_MPLANE } from '@paravideo/core';
import type { SocketTransport } from '../../frontend/index.ts';
import { type CameraMeasures, measureCamera, withGuest } from '../demo/index.ts';
import { decodeThroughDevice, makeClip, readClip } from './decode-speed.ts';
import { ioctlLatency, pingPongLatency, type RoundTrip } from './latency.ts';

/** What some back-end does. `camera` or `decoder`, as its capabilities say. */
export interface SocketReport {
  readonly card: string;
  readonly ioctl: RoundTrip;
  readonly pingPong: RoundTrip;
  readonly camera?: CameraMeasures;
  readonly decoder?: { readonly pictures: number; readonly framesPerSecond: number; readonly pictureBytes: number };
}

/** Measures any virtio-media back-end on a socket. `out`: where the 1080p clip for decoders is kept. */
export function benchSocket(
  socket: string,
  out: string,
  say: (what: string) => void,
  transport?: SocketTransport,
): Promise<SocketReport> {
  return withGuest(
    socket,
    async (driver) => {
      say('round trips');
      const session = await driver.open();
      const ioctl = await ioctlLatency(session);
      const pingPong = await pingPongLatency();
      await session.close();
      const base = { card: driver.config.card, ioctl, pingPong };
      const decodes = (driver.config.deviceCaps & (V4L2_CAP_VIDEO_M2M | V4L2_CAP_VIDEO_M2M_MPLANE)) !== 0;
      return decodes ? { ...base, decoder: await decoding(driver, out, say) } : { ...base, camera: await streaming(driver, say) };
    },
    transport,
  );
}

async function streaming(driver: MediaDriver, say: (what: string) => void): Promise<CameraMeasures> {
  say('streaming');
  return await measureCamera(driver, { frames: 90, rate: 30, width: 1280, height: 720 }, () => {});
}

async function decoding(
  driver: MediaDriver,
  out: string,
  say: (what: string) => void,
): Promise<NonNullable<SocketReport['decoder']>> {
  say('making the 1080p clip');
  const path = makeClip(out, 1200);
  say('decoding');
  const { pictures, seconds, bytes } = await decodeThroughDevice(driver, await readClip(path));
  return { pictures, framesPerSecond: pictures / seconds, pictureBytes: bytes / pictures };
}
