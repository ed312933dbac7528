// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { decodeReference } from './reference.ts';

describe('the reference decode', () => {
  it('has the pictures of a stream that never has a whole one coded by itself', async () => {
    const path = fileURLToPath(new URL('../../../fixtures/h264-refresh.h264', import.meta.url));
    const { pictures } = await decodeReference(path);
    expect(pictures.map(({ md5 }) => md5)).toEqual(readFileSync(`${path}.md5`, 'latin1').trim().split('\n'));
  });
});
