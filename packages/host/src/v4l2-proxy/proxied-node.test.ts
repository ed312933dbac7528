// SPDX-License-Identifier: Apache-2.0
import { expect, it } from 'vitest';
import { openDescriptors } from '../sys/index.ts';
import { ProxiedNode } from './proxied-node.ts';

const log = { trace: () => {}, debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

it.each([
  ['/dev/null', '/dev/null: it is no V4L2 device: correct `device` (ENOTTY)'],
  ['/dev/nothing-there', '/dev/nothing-there: it is not there: plug it in, load its driver, or correct `device` (ENOENT)'],
  ['No Such Camera', 'there is no device No Such Camera on this machine: plug it in, or correct `device`'],
])('a node that cannot be handed through is refused with what to do: %s', async (device, message) => {
  const before = openDescriptors();
  await expect(ProxiedNode.open(device, log)).rejects.toThrow(message);
  expect(openDescriptors()).toBe(before);
});
