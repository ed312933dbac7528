// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { examplesOf } from './document.ts';

describe('the examples of a document', () => {
  it('are its fenced blocks, by the heading above them', () => {
    const document = '# One\n```sh\na\n# no heading\n```\ntext\n```yaml\nb: 1\n```\n## Two\n```\nc\n```\n';
    expect(examplesOf(document)).toEqual([
      { title: 'One', language: 'sh', text: 'a\n# no heading\n' },
      { title: 'One, 2', language: 'yaml', text: 'b: 1\n' },
      { title: 'Two', language: '', text: 'c\n' },
    ]);
  });
});
