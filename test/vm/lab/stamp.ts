// SPDX-License-Identifier: Apache-2.0
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';

/** A short digest of everything that a result depends on: the same inputs in the same order give the same key. */
export function keyOf(...inputs: readonly (string | Uint8Array)[]): string {
  const hash = createHash('sha256');
  for (const input of inputs) hash.update(String(input.length)).update('\0').update(input);
  return hash.digest('hex').slice(0, 32);
}

/**
 * Remembers with what inputs a result was made. The stamp goes before the work and is written after it, so that an interrupted
 * step is done again.
 */
export class Stamp {
  readonly #path: string;
  readonly #key: string;

  constructor(path: string, key: string) {
    this.#path = path;
    this.#key = key;
  }

  /** Whether the result of these inputs is there. */
  get valid(): boolean {
    return existsSync(this.#path) && readFileSync(this.#path, 'utf8') === this.#key;
  }

  /** Does the work unless its result is there; says whether it did. */
  async make(work: () => Promise<void>): Promise<boolean> {
    if (this.valid) return false;
    rmSync(this.#path, { force: true });
    await work();
    writeFileSync(this.#path, this.#key);
    return true;
  }
}
