// SPDX-License-Identifier: Apache-2.0
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { lockCache } from './vm/lab/cache-lock.ts';

let cache: string;
beforeEach(() => {
  cache = mkdtempSync(join(tmpdir(), 'pv-lock-'));
});
afterEach(() => rmSync(cache, { recursive: true }));

it('a cache is set up by one at a time, the next when that is done', async () => {
  const order: string[] = [];
  const first = await lockCache(cache);
  const told = Promise.withResolvers<void>();
  const second = lockCache(cache, told.resolve).then((lock) => {
    order.push('second has it');
    return lock;
  });
  await told.promise;
  order.push('first is done');
  first[Symbol.dispose]();
  (await second)[Symbol.dispose]();
  expect(order).toEqual(['first is done', 'second has it']);
});

it('a process that dies while it sets a cache up keeps nobody waiting', async () => {
  const module = new URL('./vm/lab/cache-lock.ts', import.meta.url).href;
  const script = `import { lockCache } from '${module}'; await lockCache(process.argv[1]); console.log('held'); setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script, cache], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(child.stdout, 'data');
  child.kill('SIGKILL');
  (await lockCache(cache))[Symbol.dispose]();
});
