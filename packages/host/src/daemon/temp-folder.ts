// SPDX-License-Identifier: Apache-2.0
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const live = new Set<string>();

function remove(path: string): void {
  live.delete(path);
  rmSync(path, { recursive: true, force: true, maxRetries: 3 });
}

/** A fresh folder that is gone when it is disposed, or else when the process exits. */
export class TempFolder implements Disposable {
  readonly path: string;

  constructor() {
    this.path = mkdtempSync(join(tmpdir(), 'paravideo-'));
    if (live.size === 0) process.once('exit', removeAll);
    live.add(this.path);
  }

  [Symbol.dispose](): void {
    remove(this.path);
    if (live.size === 0) process.off('exit', removeAll);
  }
}

function removeAll(): void {
  for (const path of [...live]) remove(path);
}
