// SPDX-License-Identifier: Apache-2.0
/** A virtio device as a PCI function where there is neither a socket nor Node: an echo device in the heap of its machine. */
import { expect, it } from 'vitest';
import { ECHO_F_REVERSED, ECHO_LATE, EchoDevice } from '../../testing/echo-device.ts';
import { EchoDriver } from '../../testing/echo-driver.ts';
import { HeapPci } from '../../testing/heap-pci.ts';

const BYTES = Uint8Array.from([1, 2, 3, 4, 5]);

async function machine(deviceFeatures = 0n) {
  const device = new EchoDevice();
  const pci = await HeapPci.start(device, deviceFeatures);
  const driver = await EchoDriver.attach(pci);
  await pci.ready();
  return { device, pci, driver };
}

it('a function in a heap answers on every queue, and tells of a change by its interrupt line', async () => {
  const { pci, driver } = await machine();
  expect(pci.driver?.virtioId).toBe(63);
  expect(await driver.echo(BYTES)).toEqual(BYTES);
  await driver.number(7);
  await expect.poll(() => driver.messages).toEqual([7]);
  expect(await driver.config()).toEqual({ features: 0n, number: 7 });
  expect(driver.changes).toBe(1);
  await pci.close();
  expect(pci.complaints).toEqual([]);
});

it('a function in a heap negotiates the feature bits of its device', async () => {
  const reversed = 1n << BigInt(ECHO_F_REVERSED);
  const { pci, driver } = await machine(reversed);
  expect(pci.deviceFeatures).toBe(reversed);
  expect(await driver.echo(BYTES)).toEqual(BYTES.toReversed());
  await pci.close();
});

it('a function without bus mastering touches no memory, and goes on where it was', async () => {
  const { pci, driver } = await machine();
  await pci.driver?.busMaster(false);
  await pci.function.left;
  expect(pci.gate.open).toBe(false);
  const echo = driver.echo(BYTES);
  let answered = false;
  void echo.then(() => {
    answered = true;
  });
  for (let i = 0; i < 100; i++) await Promise.resolve();
  expect(answered).toBe(false);
  await pci.driver?.busMaster(true);
  expect(await echo).toEqual(BYTES);
  await pci.close();
});

it('a function that is reset drops what it had taken, and serves the next driver', async () => {
  const { device, pci, driver } = await machine();
  void driver.number(ECHO_LATE);
  await expect.poll(() => device.stats.late).toBe(1);
  await pci.driver?.reset();
  expect([device.stats.late, device.stats.resets, pci.function.pci.state]).toEqual([0, 1, 'fresh']);
  await pci.driver?.negotiate(0n);
  pci.features = { indirect: false, eventIdx: false };
  const next = await EchoDriver.attach(pci);
  await pci.ready();
  expect(await next.echo(BYTES)).toEqual(BYTES);
  await pci.close();
});

it('a function whose ring is broken says that it needs a reset', async () => {
  const { pci, driver } = await machine();
  // an available index that runs ahead of the ring by more than it has entries
  for (const region of pci.memory.regions) {
    const view = new DataView(region.bytes.buffer, region.bytes.byteOffset, region.bytes.byteLength);
    for (let at = 0; at + 4096 <= 9 * 4096; at += 4096) view.setUint16(at + 2, 0x7000, true);
  }
  pci.notify(1);
  await expect.poll(() => pci.function.pci.state).toBe('broken');
  expect(pci.complaints).toEqual(['a ring is broken: the device needs a reset']);
  expect(driver.messages).toEqual([]);
  await pci.close();
});
