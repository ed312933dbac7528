// SPDX-License-Identifier: Apache-2.0
import { expect, test } from 'vitest';
import { CookieTable } from './cookie-table.ts';

test('a cookie stays for every picture of its input, until newer cookies push it out', () => {
  const table = new CookieTable<string>(2);
  table.set(1, 'a');
  table.set(2, 'b');
  expect([table.get(1), table.get(1), table.get(2)]).toEqual(['a', 'a', 'b']);
  table.set(3, 'c');
  expect([table.get(1), table.get(2), table.get(3), table.size]).toEqual([undefined, 'b', 'c', 2]);
  table.clear();
  expect([table.get(3), table.size]).toEqual([undefined, 0]);
});
