// SPDX-License-Identifier: Apache-2.0
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { withLandlock } from '../../../sys/testing/with-landlock.ts';
import { Child } from '../child-process.ts';

const READING = new URL('../testing/reading-child.ts', import.meta.url);

/** What a child that may read `files` says of the names that it is asked for. */
async function asked(files: readonly string[] | undefined, names: readonly string[]): Promise<readonly number[]> {
  const said = Promise.withResolvers<readonly number[]>();
  const gone = Promise.withResolvers<void>();
  const texts: string[] = [];
  const child = Child.start({
    script: READING,
    args: [String(process.pid), ...names],
    fds: [],
    ...(files && { files }),
    onMessage: said.resolve,
    onText: (text) => texts.push(text),
    onExit: (reason) => {
      gone.resolve();
      said.reject(new Error(`${reason}: ${texts.join('')}`));
    },
  });
  try {
    return await said.promise;
  } finally {
    child.kill();
    await gone.promise;
  }
}

describe.runIf(withLandlock)('a child that may open some files', () => {
  it('opens these and those of its program, in no thread any other, by no other name', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'pv-confined-'));
    try {
      const [given, secret] = [join(folder, 'given'), join(folder, 'secret')];
      writeFileSync(given, 'a', { mode: 0o644 });
      writeFileSync(secret, 'b', { mode: 0o644 });
      const others = [secret, '/etc/passwd', `/proc/self/root${secret}`, `/proc/${process.pid}/environ`, folder];
      expect(await asked([given], [given, ...others])).toEqual([1, 1, ...others.flatMap(() => [0, 0])]);
      // Nothing else keeps it from them.
      expect(await asked(undefined, [secret, '/etc/passwd'])).toEqual([1, 1, 1, 1]);
      expect(readFileSync(given, 'utf8')).toBe('a');
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('does without a file that does not exist', async () => {
    expect(await asked(['/no/such/file'], ['/no/such/file', process.execPath])).toEqual([0, 0, 1, 1]);
  });
});
