// SPDX-License-Identifier: Apache-2.0
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CaptureClient, MediaDriver, SourceControls, V4L2_CID_BRIGHTNESS } from '@paravideo/core';
import { ToyCapture } from '@paravideo/core/testing';
import { afterAll, describe, expect, it } from 'vitest';
import { overMedia } from '../../test/vhost-user-rig.ts';
import { connectFrontend } from '../frontend/index.ts';
import type { SourceAdapter } from '../sources/index.ts';
import { VhostUserServer } from '../transport/vhost-user/index.ts';
import { DeviceFactory } from './device-factory.ts';
import { checkConfig } from './load-config.ts';
import { createLogger } from './logger.ts';

const folder = mkdtempSync(join(tmpdir(), 'paravideo-factory-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const log = createLogger('silent');

/** A kind of source that counts who listens to its controls. */
function counted() {
  const controls = new SourceControls([
    { id: V4L2_CID_BRIGHTNESS, type: 'integer', name: 'Brightness', minimum: 0, maximum: 255, step: 1, default: 128 },
  ]);
  let listeners = 0;
  const onChange = controls.onChange.bind(controls);
  controls.onChange = (listener) => {
    const listening = onChange(listener);
    listeners += 1;
    return {
      [Symbol.dispose]: () => {
        listeners -= 1;
        listening[Symbol.dispose]();
      },
    };
  };
  const adapter: SourceAdapter = { kind: 'counted', open: () => Object.assign(new ToyCapture(), { controls }) };
  return { adapter, listeners: () => listeners };
}

describe('devices of a configuration', () => {
  it('leave nothing on the source that they share when their guests have gone', async () => {
    const { adapter, listeners } = counted();
    const path = join(folder, 'camera.sock');
    const config = checkConfig(
      { sources: { toy: { counted: null } }, devices: [{ kind: 'camera', name: 'camera', socket: path, source: 'toy' }] },
      { adapters: [adapter] },
    );
    const [device] = config.devices;
    if (device === undefined) expect.unreachable('the configuration has one device');
    await using factory = await DeviceFactory.open(config, log);
    const server = VhostUserServer.listen({ path, device: overMedia(factory.device(device, 'devices[0]')), log });
    try {
      for (let i = 0; i < 5; i += 1) {
        const frontend = await connectFrontend(path);
        const client = await CaptureClient.open(await MediaDriver.attach(frontend));
        await client.setControl(V4L2_CID_BRIGHTNESS, i);
        expect(listeners()).toBe(1);
        await client.close();
        await frontend.close();
        await expect.poll(listeners).toBe(0);
      }
    } finally {
      await server.close();
    }
  });
});
