// SPDX-License-Identifier: Apache-2.0
import { SharedSource } from '@paravideo/core';
import { frameSourceSuite } from '@paravideo/core/conformance';
import { describe, it } from 'vitest';
import { detach, viewAt } from '../../sys/index.ts';
import { openPattern } from './pattern-source.ts';

describe('the test pattern is a FrameSource', () => {
  const suite = frameSourceSuite(() => {
    const source = new SharedSource(openPattern());
    return {
      source,
      step: () => new Promise((resolve) => setTimeout(resolve, 2)),
      read: (plane) => {
        if (plane.kind === 'bytes') return plane.bytes;
        const view = viewAt(plane.address, plane.length);
        const copy = new Uint8Array(view);
        detach(view);
        return copy;
      },
      close: async () => {
        await source[Symbol.asyncDispose]();
      },
    };
  });
  for (const each of suite) it(each.title, each.run);
});
