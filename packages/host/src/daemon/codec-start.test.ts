// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs';
import { MediaDriver } from '@paravideo/core';
import { expect, it } from 'vitest';
import { connectFrontend } from '../frontend/index.ts';
import { DaemonProcess } from './daemon-process.ts';

const children = (pid: number): string[] =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').split(' ').filter(Boolean);

it('a connection to a decoder starts no process; the first session starts one, the second none', async () => {
  await using daemon = await DaemonProcess.start([{ kind: 'decoder', name: 'decoder' }], { log: 'error' });
  const before = children(daemon.pid).length;
  const driver = await MediaDriver.attach(await connectFrontend(daemon.socket('decoder')));
  expect(children(daemon.pid).length).toBe(before);
  await driver.open();
  expect(children(daemon.pid).length).toBe(before + 1);
  await driver.open();
  expect(children(daemon.pid).length).toBe(before + 1);
});
