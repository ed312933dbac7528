// SPDX-License-Identifier: Apache-2.0
import { expect, it } from 'vitest';
import { missingPaths } from '../scripts/cited-paths.ts';

const KNOWN = ['packages/core/src/picture/layout.ts', 'packages/host/src/daemon/daemon.ts', 'scripts/fuzz.ts'];

it('a document names files by their path in the repository or in a package, and one that is not there is found', () => {
  const text = [
    'See `core/picture/layout.ts`, `picture/layout.ts`, `host/daemon/daemon.ts` and `scripts/fuzz.ts`.',
    'It was `core/layout.ts` once, or `daemon/gone.ts`; `layout.ts`, `out/` and `a/b.png` are no such paths.',
  ].join('\n');
  expect(missingPaths([{ path: 'docs/A.md', text }], KNOWN)).toEqual([
    'docs/A.md:2 names core/layout.ts, which is not there',
    'docs/A.md:2 names daemon/gone.ts, which is not there',
  ]);
  expect(missingPaths([{ path: 'src/a.ts', text }], KNOWN)).toEqual([]);
});
