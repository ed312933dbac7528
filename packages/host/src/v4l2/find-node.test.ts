// SPDX-License-Identifier: Apache-2.0
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findNode } from './find-node.ts';

describe('the node of a camera', () => {
  let root: string;
  let folder: string;

  /** A node as sysfs shows it: `device` is the interface of a USB device, whose serial number stands one folder above. */
  function node(name: string, card: string, index: number, usb: string, serial?: string): void {
    const device = join(root, 'devices', usb, 'interface');
    mkdirSync(device, { recursive: true });
    if (serial !== undefined) writeFileSync(join(root, 'devices', usb, 'serial'), `${serial}\n`);
    mkdirSync(join(folder, name), { recursive: true });
    writeFileSync(join(folder, name, 'name'), `${card}\n`);
    writeFileSync(join(folder, name, 'index'), `${index}\n`);
    symlinkSync(device, join(folder, name, 'device'));
  }

  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'paravideo-class-'));
    folder = join(root, 'class');
    mkdirSync(folder);
    node('video0', 'Integrated Camera', 0, '1-1');
    node('video1', 'Integrated Camera', 1, '1-1');
    node('video10', 'Studio', 0, '2-1', '8F21C');
    node('video9', 'Studio', 1, '2-1', '8F21C');
    node('v4l-subdev0', 'Studio', 0, '2-1', '8F21C');
  });
  afterEach(() => rmSync(root, { recursive: true }));

  it.each([
    ['Integrated Camera', '/dev/video0'],
    ['Studio', '/dev/video10'],
    ['8F21C', '/dev/video10'],
    ['/dev/v4l/by-id/usb-anything', '/dev/v4l/by-id/usb-anything'],
    ['Integrated', undefined],
  ])('%s is %s', async (device, path) => {
    expect(await findNode(device, folder)).toBe(path);
  });

  it('is none on a machine without V4L2', async () => {
    expect(await findNode('Studio', join(root, 'nowhere'))).toBeUndefined();
  });
});
