// SPDX-License-Identifier: Apache-2.0
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const ENTRY = fileURLToPath(new URL('../../bin/start.js', import.meta.url));

describe('the demo', () => {
  it.each(['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] as const)('leaves no folder behind on %s', async (signal) => {
    const temp = mkdtempSync(join(tmpdir(), 'pv-demo-'));
    const child = spawn(process.execPath, [ENTRY, 'demo', '--out', join(temp, 'out')], {
      stdio: 'ignore',
      env: { ...process.env, TMPDIR: temp },
    });
    const folders = () => readdirSync(temp).filter((name) => name.startsWith('paravideo-'));
    const end = performance.now() + 50_000;
    while (folders().length === 0 && performance.now() < end) await new Promise((resolve) => setTimeout(resolve, 10));
    expect(folders()).toHaveLength(1);
    child.kill(signal);
    await once(child, 'exit');
    expect(folders()).toEqual([]);
    rmSync(temp, { recursive: true });
  });
});
