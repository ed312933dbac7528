// SPDX-License-Identifier: Apache-2.0
/** A child that says of each file that it is named whether its first thread, and one of Node's pool, can open it. */
import { openSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { ParentLink } from '../parent-link.ts';
import { bindToParent } from '../sandbox.ts';

const [parent, ...files] = process.argv.slice(2);
bindToParent(Number(parent));
const link = new ParentLink(() => {});

function opens(name: string): number {
  try {
    return openSync(name, 'r') > 2 ? 1 : 0;
  } catch {
    return 0;
  }
}

/** The same in a thread of Node's pool. */
const opensAside = (name: string): Promise<number> =>
  readFile(name).then(
    () => 1,
    () => 0,
  );

const found: number[] = [];
for (const name of files) found.push(opens(name), await opensAside(name));
link.send(found);
for (;;) link.exchange(true);
