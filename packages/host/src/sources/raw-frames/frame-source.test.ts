// SPDX-License-Identifier: Apache-2.0
import { type PlaneStorage, V4L2_PIX_FMT_YUV420 } from '@paravideo/core';
import { frameSourceSuite } from '@paravideo/core/conformance';
import { describe, it } from 'vitest';
import { viewAt } from '../../sys/index.ts';
import { KINDS, KindRig, untilPresent } from './testing/kinds.ts';

const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 5));

describe.each(KINDS)('a %s of raw frames conforms to the port:', (kind) => {
  describe.each(['y4m', 'frames'] as const)('%s:', (format) => {
    const suite = frameSourceSuite(async () => {
      const rig = new KindRig(kind);
      const source = await rig.open({ format, size: '64x48' }, rig.command(format));
      rig.produce(format);
      await untilPresent(source);
      if (source.capabilities.formats[0] !== V4L2_PIX_FMT_YUV420) throw new TypeError('another format');
      return {
        source,
        step: pause,
        read: (storage: PlaneStorage) =>
          storage.kind === 'address' ? viewAt(storage.address, storage.length) : new Uint8Array(0),
        close: () => rig[Symbol.asyncDispose](),
      };
    });
    for (const { title, run } of suite) it(title, run);
  });
});
