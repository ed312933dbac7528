// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { checkLayers } from '../scripts/layers.ts';

const file = (path: string, ...imports: string[]) => ({
  path: `packages/${path}`,
  text: imports.map((name, i) => `import { a${i} } from '${name}';`).join('\n'),
});

describe('the layering check', () => {
  it('accepts imports that go down the table', () => {
    expect(
      checkLayers([
        file('core/src/virtqueue/a.ts', '../memory/b.ts', './c.ts'),
        file('core/src/memory/b.ts', '../wire/index.ts'),
        file('host/src/sys/a.ts', 'koffi', 'node:fs'),
        file('host/src/daemon/a.ts', '@paravideo/core', '../codec/index.ts'),
      ]),
    ).toEqual([]);
  });

  it('refuses an import that goes up', () => {
    expect(checkLayers([file('core/src/wire/a.ts', '../device/b.ts')])).toEqual([
      'packages/core/src/wire/a.ts: imports ../device/b.ts: wire may import base, picture, not device',
    ]);
  });

  it('takes a folder inside a layer for a layer of its own where the table names it', () => {
    const found = checkLayers([
      file('host/src/transport/vhost-user/a.ts', '../common/b.ts', '../vfio-user/c.ts'),
      file('host/src/transport/common/deep/d.ts', '../b.ts'),
      file('host/src/codec/process/e.ts', '../f.ts'),
    ]);
    expect(found).toEqual([
      'packages/host/src/transport/vhost-user/a.ts: imports ../vfio-user/c.ts: transport/vhost-user may import sys, log, memory, transport/common, not transport/vfio-user',
    ]);
  });

  it('refuses type-only and dynamic imports that go up as well', () => {
    const path = 'packages/core/src/stream/a.ts';
    const found = checkLayers([
      { path, text: "import type { A } from '../v4l2/a.ts';\nexport const b = () => import('../wire/b.ts');" },
    ]);
    expect(found).toHaveLength(2);
  });

  it('keeps what is for tests out of everything else', () => {
    expect(checkLayers([file('host/src/daemon/a.ts', '@paravideo/core/testing')])).toEqual([
      'packages/host/src/daemon/a.ts: imports @paravideo/core/testing: only tests may import @paravideo/core/testing',
    ]);
    expect(checkLayers([file('host/src/cli/a.ts', '@paravideo/core/conformance')])).toEqual([]);
    expect(checkLayers([file('host/src/daemon/a.test.ts', '@paravideo/core/testing')])).toEqual([]);
  });

  it('refuses a folder that is not in the table', () => {
    expect(checkLayers([file('core/src/misc/a.ts', '../wire/b.ts')])[0]).toContain('not in the table');
  });

  it('keeps Node out of core and native code in its folders', () => {
    const found = checkLayers([
      file('core/src/wire/a.ts', 'node:fs'),
      file('host/src/daemon/a.ts', 'koffi'),
      file('host/src/codec/a.ts', 'node-av/lib'),
      file('host/src/codec/b.ts', 'left-pad'),
    ]);
    expect(found).toEqual([
      'packages/core/src/wire/a.ts: imports node:fs: packages/core runs where there is no Node',
      'packages/host/src/daemon/a.ts: imports koffi: only sys may import koffi',
      'packages/host/src/codec/a.ts: imports node-av/lib: only av may import node-av',
      'packages/host/src/codec/b.ts: imports left-pad: packages/host may not import this package',
    ]);
  });

  it('refuses to reach into another package', () => {
    expect(checkLayers([file('host/src/daemon/a.ts', '../../../core/src/wire/a.ts')])[0]).toContain(
      'import the package by its name',
    );
  });

  it('finds cycles inside a layer and names the way around', () => {
    const found = checkLayers([
      file('core/src/wire/a.ts', './b.ts'),
      file('core/src/wire/b.ts', './c.ts'),
      file('core/src/wire/c.ts', './a.ts'),
    ]);
    expect(found).toEqual([
      'import cycle: packages/core/src/wire/a.ts -> packages/core/src/wire/b.ts -> packages/core/src/wire/c.ts -> packages/core/src/wire/a.ts',
    ]);
  });

  it('names the way by which a test of the stream reaches a device', () => {
    expect(
      checkLayers([
        file('core/src/stream/a.test.ts', '../testing/rig.ts', '../testing/index.ts'),
        file('core/src/testing/rig.ts', '../memory/b.ts'),
        file('core/src/testing/index.ts', './guest.ts'),
        file('core/src/testing/guest.ts', '../device/c.ts'),
      ]),
    ).toEqual([
      'stream is kept apart from device: packages/core/src/stream/a.test.ts -> packages/core/src/testing/index.ts -> packages/core/src/testing/guest.ts -> packages/core/src/device/c.ts',
    ]);
  });

  it('lets a test import any layer of its package', () => {
    expect(checkLayers([file('core/src/wire/a.test.ts', '../testing/index.ts', 'vitest')])).toEqual([]);
  });
});
