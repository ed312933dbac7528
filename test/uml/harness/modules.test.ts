// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { moduleFiles } from './modules.ts';

const DEPENDENCIES = [
  'kernel/mc.ko:',
  'kernel/videodev.ko: kernel/mc.ko',
  'kernel/vivid.ko: kernel/tpg.ko kernel/videodev.ko kernel/mc.ko',
  'updates/paravideo-media.ko: kernel/videodev.ko kernel/mc.ko',
].join('\n');

describe('the modules of User-mode Linux', () => {
  it('are listed behind those that they need', () => {
    const paths = moduleFiles(DEPENDENCIES, 'vivid').map(({ path }) => path);
    expect(paths).toEqual(['kernel/mc.ko', 'kernel/videodev.ko', 'kernel/tpg.ko', 'kernel/vivid.ko']);
  });

  it('are found with either line between words, and named as the kernel does', () => {
    for (const name of ['paravideo-media', 'paravideo_media']) {
      expect(moduleFiles(DEPENDENCIES, name).at(-1)?.name).toBe('paravideo_media');
    }
  });

  it('are missed by name', () => {
    expect(() => moduleFiles(DEPENDENCIES, 'vim2m')).toThrow('no module vim2m');
  });
});
