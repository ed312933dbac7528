// SPDX-License-Identifier: Apache-2.0
import { existsSync } from 'node:fs';
import { CaptureClient, MediaDriver } from '@paravideo/core';
import { describe, expect, it } from 'vitest';
import { DaemonProcess, parseConfig } from '../src/daemon/index.ts';
import { connectGuest } from '../src/frontend/index.ts';

describe('a daemon that serves both transports', () => {
  it('shows the same camera on each, at the same time', async () => {
    await using daemon = await DaemonProcess.start([
      { kind: 'camera', name: 'one', size: '160x120', fps: 30 },
      { kind: 'camera', name: 'two', size: '160x120', fps: 30, transport: 'vfio-user', sockets: 2 },
    ]);
    const guests = [
      await connectGuest(daemon.socket('one')),
      await connectGuest(daemon.socket('two'), 'vfio-user'),
      await connectGuest(daemon.socket('two', 1), 'vfio-user'),
    ];
    const cameras = [];
    for (const guest of guests) {
      const camera = await CaptureClient.open(await MediaDriver.attach(guest), { memory: 'mmap', buffers: 3 });
      await camera.configure();
      await camera.start();
      cameras.push(camera);
    }
    for (const camera of cameras) {
      const { planes } = await camera.next();
      expect(planes[0]?.some((byte) => byte !== 0)).toBe(true);
    }
    for (const guest of guests) await guest.close();
    expect(await daemon.stop()).toBe(0);
    expect(existsSync(daemon.socket('two'))).toBe(false);
  });
});

describe('the transport in a configuration', () => {
  it('is vhost-user unless told otherwise, for each device', () => {
    const config = parseConfig(
      `devices:
  - { kind: camera, name: a, socket: /run/a }
  - { kind: decoder, name: b, socket: /run/b, transport: vfio-user }
`,
      'c.yaml',
    );
    expect(config.devices.map(({ transport }) => transport)).toEqual(['vhost-user', 'vfio-user']);
    expect(config['vfio-arena']).toBe(2 ** 28);
  });

  it.each([
    ['transport: pigeon', /c\.yaml:2: devices\[0\]\.transport is wrong/],
    ['vfio-arena: 300MiB', /vfio-arena must be a power of two/],
    ['vfio-arena: 4GiB', /vfio-arena must be a power of two/],
  ])('is refused where it makes no sense: %s', (line, message) => {
    const device = line.startsWith('transport') ? `, ${line}` : '';
    const top = device === '' ? line : 'log: warn';
    const text = `devices:\n  - { kind: camera, name: a, socket: /run/a${device} }\n${top}\n`;
    expect(() => parseConfig(text, 'c.yaml')).toThrow(
      expect.objectContaining({ problems: expect.arrayContaining([expect.stringMatching(message)]) }),
    );
  });
});
