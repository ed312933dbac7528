// SPDX-License-Identifier: Apache-2.0
import { expect, it } from 'vitest';
import { longLines, MAX_LINE } from '../scripts/long-lines.ts';

it('a line of a document is too long beyond 120 characters, unless it is a row of a table or no document', () => {
  const fits = 'ä'.repeat(MAX_LINE);
  const text = ['short', fits, `${fits}x`, `| ${fits} |`].join('\n');
  expect(longLines([{ path: 'docs/A.md', text }])).toEqual(['docs/A.md:3 has 121 characters: 120 at most, tables aside']);
  expect(longLines([{ path: 'src/a.ts', text }])).toEqual([]);
});
