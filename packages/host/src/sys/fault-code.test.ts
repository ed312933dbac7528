// SPDX-License-Identifier: Apache-2.0
/** The machine code in the repository is what the assembly beside it says. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { FAULT_CODE } from './fault-code.ts';

/** What the names of the tools start with; `as` without anything assembles for this machine alone. */
function toolPrefix(arch: string): string | undefined {
  const triplet = arch === 'x64' ? 'x86_64-linux-gnu-' : 'aarch64-linux-gnu-';
  return [...(process.arch === arch ? [''] : []), triplet].find((prefix) =>
    ['as', 'objcopy'].every((tool) => spawnSync(`${prefix}${tool}`, ['--version']).status === 0),
  );
}

function assemble(prefix: string, source: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'pv-as-'));
  try {
    const [object, binary] = [join(folder, 'handler.o'), join(folder, 'handler.bin')];
    for (const [tool, ...args] of [
      ['as', '-o', object, source],
      ['objcopy', '-O', 'binary', '-j', '.text', object, binary],
    ]) {
      const done = spawnSync(`${prefix}${tool}`, args, { encoding: 'utf8' });
      expect(done.status, done.stderr).toBe(0);
    }
    return readFileSync(binary).toString('hex');
  } finally {
    rmSync(folder, { recursive: true });
  }
}

describe('the handler of SIGBUS', () => {
  it.for(Object.keys(FAULT_CODE))('is what its assembly says: %s', (arch, { skip }) => {
    const prefix = toolPrefix(arch);
    if (prefix === undefined) skip(`there is no assembler for ${arch} (binutils)`);
    const source = fileURLToPath(new URL(`./fault-handler-${arch}.S`, import.meta.url));
    expect(assemble(prefix as string, source)).toBe(FAULT_CODE[arch]);
  });
});
