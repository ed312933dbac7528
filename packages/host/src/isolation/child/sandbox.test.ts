// SPDX-License-Identifier: Apache-2.0
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const here = (name: string): string => JSON.stringify(fileURLToPath(new URL(name, import.meta.url)));

describe('the sandbox', () => {
  it('refuses files, sockets, signals and new shared memory, and lets the process work', () => {
    const script = `
      import fs from 'node:fs';
      import { bindToParent, enterSandbox } from ${here('sandbox.ts')};
      import * as sys from ${here('../../sys/index.ts')};
      bindToParent(${process.pid});
      await enterSandbox({ kind: 'codec', dataBytes: 2 ** 32 });
      const code = (act) => { try { act(); return 'ok'; } catch (error) { return error.code ?? error.errno ?? String(error); } };
      const results = {
        open: code(() => fs.openSync('/etc/hostname')),
        create: code(() => fs.writeFileSync('/tmp/paravideo-sandbox', 'x')),
        unlink: code(() => fs.unlinkSync('/tmp/paravideo-sandbox')),
        kill: code(() => process.kill(${process.pid}, 0)),
        socketpair: code(() => sys.socketpair()),
        memfd: code(() => sys.memfd('x', 4096)),
        work: Buffer.alloc(1e6, 1).reduce((sum, byte) => sum + byte, 0),
      };
      fs.writeSync(1, JSON.stringify(results));
    `;
    const { stdout, stderr } = spawnSync(process.execPath, ['--no-warnings', '--input-type=module', '-e', script], {
      encoding: 'utf8',
      env: { UV_USE_IO_URING: '0' },
      timeout: 50_000,
    });
    // The event loop's farewell is refused too.
    expect(stderr.replace(/^libuv: .*\n?/gm, '')).toBe('');
    const { work, socketpair, memfd, ...refused } = JSON.parse(stdout);
    expect(work).toBe(1e6);
    expect(refused).toEqual({ open: 'EPERM', create: 'EPERM', unlink: 'EPERM', kill: 'EPERM' });
    expect([socketpair, memfd]).not.toContain('ok');
  });

  it('ends a process whose parent is somebody else', () => {
    const script = `import { bindToParent } from ${here('sandbox.ts')}; bindToParent(1); console.log('alive');`;
    const { status, stdout } = spawnSync(process.execPath, ['--no-warnings', '--input-type=module', '-e', script], {
      encoding: 'utf8',
      timeout: 50_000,
    });
    expect([status, stdout]).toEqual([1, '']);
  });

  const userNamespaces = process.geteuid?.() === 0 && spawnSync('unshare', ['--user', 'true']).status === 0;
  it.skipIf(!userNamespaces).each([
    ['one of its own', '0 0 4294967295', /^Max processes +512 /m],
    ['nobody, who is not one process alone', '0 0 1\n65534 65534 1', /^Max processes(?! +512 )/m],
  ])(
    'limits the threads of a user only where that is %s',
    async (_user, map, expected) => {
      const script = `
      import { bindToParent, enterSandbox } from ${here('sandbox.ts')};
      import { writeSync } from 'node:fs';
      bindToParent(${process.pid});
      await enterSandbox({ kind: 'codec', dataBytes: 2 ** 32 });
      writeSync(1, 'in');
      setInterval(() => {}, 1000);
    `;
      const node = ['--no-warnings', '--input-type=module', '-e', script];
      const wait = ['--user', 'sh', '-c', 'echo there; read go; exec "$@"', 'sh', process.execPath];
      const child = spawn('unshare', [...wait, ...node], {
        env: { ...process.env, UV_USE_IO_URING: '0' },
        stdio: ['pipe', 'pipe', 'inherit'],
      });
      try {
        expect(String(await once(child.stdout, 'data'))).toBe('there\n');
        for (const ids of ['uid_map', 'gid_map']) writeFileSync(`/proc/${child.pid}/${ids}`, map);
        child.stdin.write('go\n');
        expect(String(await once(child.stdout, 'data'))).toBe('in');
        const status = readFileSync(`/proc/${child.pid}/status`, 'latin1');
        expect(status).toMatch(map.includes('65534') ? /^Uid:\t65534\t/m : /^Uid:\t19\d{8}\t/m);
        expect(readFileSync(`/proc/${child.pid}/limits`, 'latin1')).toMatch(expected);
      } finally {
        child.kill('SIGKILL');
      }
    },
    60_000,
  );
});
