// SPDX-License-Identifier: Apache-2.0
import { afterEach, describe, expect, it } from 'vitest';
import { ECHO_LATE, EchoDevice, EchoDriver } from '../testing/index.ts';
import { InProcessTransport } from './in-process-transport.ts';

const open: InProcessTransport[] = [];
afterEach(async () => {
  for (const transport of open.splice(0)) await transport.close();
});

async function rig(deviceFeatures = 0n) {
  const device = new EchoDevice();
  const transport = new InProcessTransport(() => device, { deviceFeatures });
  open.push(transport);
  return { device, transport, driver: await EchoDriver.attach(transport) };
}

const BYTES = Uint8Array.of(1, 2, 3, 4, 5);
const turns = async () => {
  for (let i = 0; i < 20; i++) await Promise.resolve();
};

describe('a device unlike a media device in one heap', () => {
  it('answers on each of its queues, and posts messages on the one that is not drained', async () => {
    const { driver } = await rig();
    expect(await driver.echo(BYTES)).toEqual(BYTES);
    await driver.number(7);
    await driver.number(9);
    await turns();
    expect(driver.messages).toEqual([7, 9]);
  });

  it('has a feature bit of its own, which the driver accepts or leaves', async () => {
    const plain = await rig();
    expect(await plain.driver.config()).toEqual({ features: 0n, number: 0 });
    const reversed = await rig(~0n);
    expect(reversed.transport.deviceFeatures).toBe(8n);
    expect(await reversed.driver.config()).toEqual({ features: 8n, number: 0 });
    expect(await reversed.driver.echo(BYTES)).toEqual(BYTES.toReversed());
  });

  it('tells the driver that its configuration has changed', async () => {
    const { driver } = await rig();
    await driver.number(0x0102_0304);
    await turns();
    expect(driver.changes).toBe(1);
    expect((await driver.config()).number).toBe(0x0102_0304);
  });

  it('is paused once all is answered that it took, and goes on', async () => {
    const { device, transport, driver } = await rig();
    const late = driver.number(ECHO_LATE);
    await turns();
    const paused = transport.pause();
    let settled = false;
    void paused.then(() => {
      settled = true;
    });
    await turns();
    expect(settled).toBe(false);
    device.release();
    await paused;
    await late;
    const echo = driver.echo(BYTES);
    await transport.resume();
    expect(await echo).toEqual(BYTES);
    expect(device.stats.resets).toBe(0);
  });

  it('is reset when another driver begins', async () => {
    const { device, transport, driver } = await rig(8n);
    await driver.number(5);
    for (const index of [0, 1, 2]) await transport.stopQueue(index);
    const next = await EchoDriver.attach(transport);
    expect(device.stats.resets).toBe(1);
    expect(await next.config()).toEqual({ features: 8n, number: 0 });
    expect(await next.echo(BYTES)).toEqual(BYTES.toReversed());
  });

  it('has no queue beyond its own', async () => {
    const { transport } = await rig();
    expect(() => transport.notify(3)).toThrow('the device has 3 queues: there is no queue 3');
  });
});
