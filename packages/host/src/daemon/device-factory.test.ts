// SPDX-License-Identifier: Apache-2.0
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CaptureClient, type FrameSource, MediaDriver, V4L2_CID_BRIGHTNESS } from '@paravideo/core';
import { SolidSource } from '@paravideo/core/testing';
import { afterAll, describe, expect, it } from 'vitest';
import { overMedia } from '../../test/vhost-user-rig.ts';
import { connectFrontend } from '../frontend/index.ts';
import { VhostUserServer } from '../vhost-user/index.ts';
import { DeviceFactory } from './device-factory.ts';
import { checkConfig } from './load-config.ts';
import { createLogger } from './logger.ts';

const folder = mkdtempSync(join(tmpdir(), 'paravideo-factory-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const log = createLogger('silent');

/** A source that counts who listens to its controls and watches it. */
function counted() {
  const solid = new SolidSource();
  let listeners = 0;
  const counting = (listening: Disposable): Disposable => {
    listeners += 1;
    return {
      [Symbol.dispose]: () => {
        listeners -= 1;
        listening[Symbol.dispose]();
      },
    };
  };
  const source: FrameSource & AsyncDisposable = {
    capabilities: solid.capabilities,
    presence: { kind: 'present' },
    watch: (listener) => counting(solid.watch(listener)),
    start: (wanted, consumer) => solid.start(wanted, consumer),
    control: (id) => solid.control(id),
    setControl: (id, value) => solid.setControl(id, value),
    onControlChange: (listener) => counting(solid.onControlChange(listener)),
    [Symbol.asyncDispose]: async () => {},
  };
  return { source, listeners: () => listeners };
}

describe('devices of a configuration', () => {
  it('leave nothing on the source that they share when their guests have gone', async () => {
    const { source, listeners } = counted();
    const path = join(folder, 'camera.sock');
    const config = checkConfig({ devices: [{ kind: 'camera', name: 'camera', socket: path }] });
    const [device] = config.devices;
    if (device === undefined) expect.unreachable('the configuration has one device');
    await using factory = await DeviceFactory.open(config, log, async () => source);
    const server = VhostUserServer.listen({ path, device: overMedia(factory.device(device, 'devices[0]')), log });
    try {
      for (let i = 0; i < 5; i += 1) {
        const frontend = await connectFrontend(path);
        const client = await CaptureClient.open(await MediaDriver.attach(frontend));
        await client.setControl(V4L2_CID_BRIGHTNESS, i);
        expect(listeners()).toBe(2);
        await client.close();
        await frontend.close();
        await expect.poll(listeners).toBe(0);
      }
    } finally {
      await server.close();
    }
  });
});
