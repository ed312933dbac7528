// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { IOCTLS } from '../../wire/index.ts';
import { CAPTURE_IOCTLS } from '../capture/capture-ioctls.ts';
import { DECODER_IOCTLS } from '../decoder/decoder-session.ts';
import { OUTPUT_IOCTLS } from '../output/output-ioctls.ts';
import { PROXY_IOCTLS } from '../proxy/proxy-ioctls.ts';
import { DeviceError } from './device-error.ts';
import { dispatch, type IoctlTable, ioctlTable, REPLACED_IOCTLS } from './ioctl-table.ts';
import { makeCall } from './test-call.ts';

const document = readFileSync(new URL('../../../../../docs/IOCTLS.md', import.meta.url), 'utf8');
const rows = new Map(
  document
    .split('\n')
    .map((line) => line.split('|').map((cell) => cell.trim()))
    .filter((cells) => cells[2]?.startsWith('VIDIOC_'))
    .map(([, nr, name, dir, bytes, camera, output, decoder, proxy]) => [
      name,
      { nr: Number(nr), dir, bytes: Number(bytes), camera, output, decoder, proxy },
    ]),
);

function answer(table: IoctlTable<never>, nr: number): string {
  return table.has(nr) ? 'yes' : 'ENOTTY';
}

describe('docs/IOCTLS.md', () => {
  it('lists every ioctl once', () => {
    expect([...rows.keys()]).toEqual(IOCTLS.map((info) => info.name));
  });

  it.each(IOCTLS.map((info) => [info.name, info] as const))('says of %s what the devices do', (name, info) => {
    expect(rows.get(name)).toEqual({
      nr: info.nr,
      dir: info.dir,
      bytes: info.size,
      camera: answer(CAPTURE_IOCTLS, info.nr),
      output: answer(OUTPUT_IOCTLS, info.nr),
      decoder: answer(DECODER_IOCTLS, info.nr),
      proxy: answer(PROXY_IOCTLS, info.nr),
    });
  });
});

describe('ioctlTable', () => {
  it('VM-DX3: no device has a handler for what virtio-media replaces', () => {
    for (const nr of REPLACED_IOCTLS) {
      expect([CAPTURE_IOCTLS.has(nr), OUTPUT_IOCTLS.has(nr), DECODER_IOCTLS.has(nr), PROXY_IOCTLS.has(nr)]).toEqual([
        false,
        false,
        false,
        false,
      ]);
      expect(() => ioctlTable([[nr, () => 0]])).toThrow(DeviceError);
    }
  });

  it('refuses numbers that are no ioctl, and two handlers for one', () => {
    expect(() => ioctlTable([[255, () => 0]])).toThrow(DeviceError);
    expect(() => ioctlTable([[4, () => 0]], [[4, () => 0]])).toThrow(DeviceError);
  });

  it('VM-D4: answers ENOTTY for what is not in the table', () => {
    const table = ioctlTable<undefined>([[4, () => 7]]);
    expect([4, 5, 255].map((nr) => dispatch(table, undefined, makeCall(nr, 8)))).toEqual([7, 25, 25]);
  });
});
