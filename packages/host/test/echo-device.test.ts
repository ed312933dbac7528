// SPDX-License-Identifier: Apache-2.0
/** A device that is shaped unlike a media device, over both sockets: nothing in the transports knows what they carry. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ECHO_LATE, EchoDevice, EchoDriver } from '@paravideo/core/testing';
import { afterEach, describe, expect, it } from 'vitest';
import { connectFrontend, connectVfioFrontend, type Frontend, type VfioFrontend } from '../src/frontend/index.ts';
import type { Log } from '../src/log/index.ts';
import { VfioUserServer } from '../src/transport/vfio-user/index.ts';
import { VhostUserServer } from '../src/transport/vhost-user/index.ts';
import { until } from './vhost-user-rig.ts';

const BYTES = Uint8Array.of(1, 2, 3, 4, 5);
const LOG: Log = { debug() {}, info() {}, warn() {}, error() {} };
const OPTIONS = { memoryBytes: 2 << 20, queues: 3 };

const cleanups: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** True while a device that was told to let go of its rings still answers what it took. */
function stopping({ guest }: VhostUserServer | VfioUserServer): boolean {
  if (guest === undefined) return false;
  return 'function' in guest ? guest.function.left !== undefined : guest.rings.some((ring) => ring.state === 'draining');
}

describe.each(['vhost-user', 'vfio-user'] as const)('a device unlike a media device over %s', (transport) => {
  async function rig(deviceFeatures = 0n) {
    const folder = mkdtempSync(join(tmpdir(), 'pv-echo-'));
    const path = join(folder, 's');
    const devices: EchoDevice[] = [];
    const device = () => {
      const made = new EchoDevice();
      devices.push(made);
      return made;
    };
    const o = { path, device, log: LOG, arenaBytes: 1 << 16 };
    const server = transport === 'vhost-user' ? VhostUserServer.listen(o) : VfioUserServer.listen(o);
    cleanups.push(async () => {
      await server.close();
      rmSync(folder, { recursive: true });
    });
    const frontend: Frontend | VfioFrontend =
      transport === 'vhost-user'
        ? await connectFrontend(path, { ...OPTIONS, deviceFeatures })
        : await connectVfioFrontend(path, { ...OPTIONS, deviceFeatures });
    cleanups.push(() => frontend.close());
    const driver = await EchoDriver.attach(frontend);
    return { server, frontend, driver, device: devices[0] as EchoDevice };
  }

  it('answers on each of its queues, and posts messages on the one that is not drained', async () => {
    const { driver, frontend } = await rig();
    expect(frontend.sharedLength).toBe(0);
    expect(await driver.echo(BYTES)).toEqual(BYTES);
    await driver.number(7);
    await driver.number(9);
    await until(() => driver.messages.length === 2, 'the messages');
    expect(driver.messages).toEqual([7, 9]);
  });

  it('has a feature bit of its own, which the driver accepts or leaves', async () => {
    const plain = await rig();
    expect(await plain.driver.config()).toEqual({ features: 0n, number: 0 });
    const reversed = await rig(~0n);
    expect(reversed.frontend.deviceFeatures).toBe(8n);
    expect(await reversed.driver.config()).toEqual({ features: 8n, number: 0 });
    expect(await reversed.driver.echo(BYTES)).toEqual(BYTES.toReversed());
  });

  it('tells the driver that its configuration has changed', async () => {
    const { driver } = await rig();
    await driver.number(0x0102_0304);
    await until(() => driver.changes === 1, 'the change');
    expect((await driver.config()).number).toBe(0x0102_0304);
  });

  it('is paused once all is answered that it took, and goes on', async () => {
    const { server, device, frontend, driver } = await rig(8n);
    await driver.number(5);
    const late = driver.number(ECHO_LATE);
    await until(() => device.stats.late === 1, 'the command');
    const paused = frontend.pause();
    let settled = false;
    void paused.then(() => {
      settled = true;
    });
    await until(() => stopping(server), 'the device to hear of the pause');
    expect(settled).toBe(false);
    device.release();
    await paused;
    await late;
    const echo = driver.echo(BYTES);
    await frontend.resume();
    expect(await echo).toEqual(BYTES.toReversed());
    expect(await driver.config()).toEqual({ features: 8n, number: 5 });
    expect(device.stats.resets).toBe(0);
  });

  it('is as it was at first after a reset', async () => {
    const { device, frontend, driver } = await rig(8n);
    await driver.number(5);
    await frontend.reset();
    expect(device.stats.resets).toBeGreaterThan(0);
    const next = await EchoDriver.attach(frontend);
    expect(await next.config()).toEqual({ features: 8n, number: 0 });
    expect(await next.echo(BYTES)).toEqual(BYTES.toReversed());
  });
});
