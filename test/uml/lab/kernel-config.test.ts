// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { notTaken } from './kernel-config.ts';

describe('the configuration of the User-mode Linux kernel', () => {
  it('tells what was asked for and was not taken, also where it became a module', () => {
    const asked = '# why\nCONFIG_NET=y\nCONFIG_VIDEO_VIVID=m\nCONFIG_PCI=y\n';
    const made = 'CONFIG_NET=y\nCONFIG_PCI=m\n# CONFIG_VIDEO_VIVID is not set\nCONFIG_MORE=y\n';
    expect(notTaken(asked, made)).toEqual(['CONFIG_VIDEO_VIVID=m', 'CONFIG_PCI=y']);
  });

  it('asks for nothing twice', () => {
    const text = readFileSync(new URL('kernel.config', import.meta.url), 'utf8');
    const names = [...text.matchAll(/^CONFIG_\w+/gm)].map(([name]) => name);
    expect(names.length).toBeGreaterThan(50);
    expect(names.filter((name, i) => names.indexOf(name) !== i)).toEqual([]);
  });
});
