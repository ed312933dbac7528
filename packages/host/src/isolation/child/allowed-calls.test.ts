// SPDX-License-Identifier: Apache-2.0
/** What somebody who has taken over a sandboxed process can do: raw system calls, from inside, with the door closed. */
import { spawnSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { SYSCALLS, type SyscallName } from '../../sys/index.ts';
import { allowedCalls, type ChildKind } from './allowed-calls.ts';

const path = (name: string): string => JSON.stringify(fileURLToPath(new URL(name, import.meta.url)));
const column = process.arch === 'x64' ? 0 : 1;

const EPERM = 1;
const ENOSYS = 38;

/** x86-64's uretprobe and uprobe: the kernel lets them past every filter, and ends whoever calls them from elsewhere than a probe. */
const PROBES: readonly number[] = process.arch === 'x64' ? [335, 336] : [];

const KINDS: readonly ChildKind[] = ['codec', 'media file', 'recorder', 'network stream', 'screen'];

/** The numbers that the list of a kind names, with whatever arguments. */
function numbersOf(kind: ChildKind): number[] {
  return (Object.keys(allowedCalls(kind, 1)) as SyscallName[]).flatMap((name) => SYSCALLS[name][column] ?? []);
}

/**
 * Runs a script behind the door of a kind. It has `call(number, ...arguments)`, which answers 0 or more, or -errno, and
 * `at(bytes)`, an address; what it leaves in `results` comes back.
 */
function inside<T>(kind: ChildKind, script: string): T {
  const source = `
    import fs from 'node:fs';
    import koffi from 'koffi';
    import { bindToParent, enterSandbox } from ${path('sandbox.ts')};
    import * as sys from ${path('../../sys/index.ts')};
    const raw = koffi.load(null).func('int64 syscall(int64, int64, int64, int64, int64, int64, int64)');
    const call = (nr, ...a) => { const r = raw(nr, ...Array.from({ length: 6 }, (_, i) => a[i] ?? 0)); return r < 0 ? -koffi.errno() : r; };
    const kept = [];
    const at = (bytes) => { kept.push(bytes); return Number(koffi.address(bytes.buffer)) + bytes.byteOffset; };
    const memory = sys.memfd('given', 65536);
    const [ours, theirs] = sys.socketpair();
    const status = () => Object.fromEntries(status.text.split('\\n').map((line) => line.split(':\\t')));
    status.fd = fs.openSync('/proc/self/status', 'r');
    bindToParent(${process.pid});
    await enterSandbox({ kind: ${JSON.stringify(kind)}, dataBytes: 2 ** 32 });
    { const text = Buffer.alloc(8192); status.text = text.toString('latin1', 0, fs.readSync(status.fd, text)); }
    const results = {};
    ${script}
    fs.writeSync(1, JSON.stringify(results));
  `;
  const file = spawnSync(process.execPath, ['--no-warnings', '--input-type=module', '-e', source], {
    encoding: 'utf8',
    cwd: fileURLToPath(new URL('.', import.meta.url)),
    env: { UV_USE_IO_URING: '0' },
    timeout: 60_000,
  });
  // The event loop's farewell is refused too.
  expect(file.stderr.replace(/^libuv: .*\n?/gm, '')).toBe('');
  return JSON.parse(file.stdout) as T;
}

describe.each(KINDS)('behind the door of a %s process', (kind) => {
  it('every call from 0 to 1023 that is not on the list is refused', () => {
    const named = [...numbersOf(kind), ...PROBES];
    const answers = inside<Record<string, number>>(
      kind,
      `for (let nr = 0; nr < 1024; nr++) if (!${JSON.stringify(named)}.includes(nr)) results[nr] = call(nr);`,
    );
    expect(Object.keys(answers).length).toBe(1024 - named.length);
    expect(Object.entries(answers).filter(([, answer]) => answer !== -EPERM && answer !== -ENOSYS)).toEqual([]);
  });

  it('calls that depend on their arguments do what decoding needs, and nothing else', () => {
    const nr = (name: SyscallName): number => SYSCALLS[name][column] ?? -1;
    const answers = inside<Record<string, number>>(
      kind,
      `
      const word = new BigUint64Array(2);
      Object.assign(results, {
        'fork by clone': call(${nr('clone')}, 17),
        'fork in new namespaces': call(${nr('clone')}, 17 | 0x10000000 | 0x40000000),
        'a thread in a namespace of its own': call(${nr('clone')}, 0x3d0f00 | 0x20000, 0, 0, 0),
        'clone3': call(${nr('clone3')}, at(new BigUint64Array([0x3d0f00n, 0n, 0n, 0n, 0n, 0n, 0n, 0n])), 64),
        'shared memory of nobody': call(${nr('mmap')}, 0, 2 ** 36, 3, 0x21, -1, 0),
        'validated shared memory': call(${nr('mmap')}, 0, 4096, 3, 0x03, memory.number, 0),
        'mremap that keeps the old place': call(${nr('mremap')}, 0, 4096, 4096, 5),
        'the owner of a descriptor': call(${nr('fcntl')}, theirs.number, 8, ${process.pid}),
        'the signal of a descriptor': call(${nr('fcntl')}, theirs.number, 10, 9),
        'O_ASYNC': call(${nr('fcntl')}, theirs.number, 4, 0o20000),
        'a lease': call(${nr('fcntl')}, memory.number, 1024, 0),
        'limits of the parent': call(${nr('prlimit64')}, ${process.pid}, 7, 0, at(word)),
        'a limit of its own': call(${nr('prlimit64')}, 0, 7, at(word), 0),
        'the death signal': call(${nr('prctl')}, 1, 0),
        'dumpable': call(${nr('prctl')}, 4, 1),
        'a signal to the parent': call(${nr('tgkill')}, ${process.pid}, ${process.pid}, 0),
      });
      results.done = call(${nr('getpid')}) - process.pid;
      `,
    );
    const { done, clone3, ...refused } = answers;
    expect(done).toBe(0);
    expect(clone3).toBe(-ENOSYS);
    expect(Object.entries(refused).filter(([, answer]) => answer !== -EPERM)).toEqual([]);
  });

  it('memory is shared with the daemon only where this kind is sent some', () => {
    const mmap = SYSCALLS.mmap[column];
    const answer = inside<{ given: number }>(kind, `results.given = call(${mmap}, 0, 4096, 3, 1, memory.number, 0);`);
    if (kind === 'codec') expect(answer.given).toBe(-EPERM);
    else expect(answer.given).toBeGreaterThan(0);
  });

  it('a process of root is nobody, has no capability, and still works', () => {
    const state = inside<{ status: Record<string, string>; sum: number; large: boolean }>(
      kind,
      `
      results.status = status();
      let lists = [];
      for (let i = 0; i < 40; i++) lists.push(Array.from({ length: 100_000 }, (_, j) => ({ j })));
      results.sum = lists.length;
      lists = undefined;
      results.large = Buffer.alloc(64 * 2 ** 20, 1)[2 ** 20] === 1;
      `,
    );
    expect(state.sum).toBe(40);
    expect(state.large).toBe(true);
    expect(state.status).toMatchObject({ Seccomp: '2', NoNewPrivs: '1' });
    if (process.geteuid?.() !== 0) return;
    const uids = (state.status.Uid ?? '').split('\t').map(Number);
    expect(uids.length).toBe(4);
    for (const uid of uids) expect(uid).toBeGreaterThanOrEqual(65534);
    expect(state.status).toMatchObject({ CapEff: '0000000000000000', CapPrm: '0000000000000000' });
  });
});

describe('behind the door of a process that has the network', () => {
  it('sockets are those of the internet, and files are opened for reading alone', () => {
    const nr = (name: SyscallName): number => SYSCALLS[name][column] ?? -1;
    const { fine, ...refused } = inside<Record<string, number>>(
      'network stream',
      `
      const path = at(Buffer.from('/dev/null\\0'));
      const here = -100;
      Object.assign(results, {
        'a socket of this machine': call(${nr('socket')}, 1, 1, 0),
        'raw packets': call(${nr('socket')}, 17, 3, 0),
        'a talk with the kernel': call(${nr('socket')}, 16, 3, 0),
        'a file to write to': call(${nr('openat')}, here, path, 1, 0),
        'a file to read and write': call(${nr('openat')}, here, path, 2, 0),
        'a file to make': call(${nr('openat')}, here, path, 0o100, 0o600),
        'a file to empty': call(${nr('openat')}, here, path, 0o1000, 0),
        'a file without a name': call(${nr('openat')}, here, at(Buffer.from('/tmp\\0')), 0o20200002, 0o600),
        'a terminal that is given input': call(${nr('ioctl')}, 0, 0x5412, path),
      });
      results.fine = Math.min(call(${nr('socket')}, 2, 1, 0), call(${nr('socket')}, 10, 2, 0), call(${nr('openat')}, here, path, 0, 0));
      `,
    );
    expect(fine).toBeGreaterThan(2);
    expect(Object.entries(refused).filter(([, answer]) => answer !== -EPERM)).toEqual([]);
  });
});

describe('a child process', () => {
  it('has none of the descriptors that the daemon was itself started with', () => {
    const folder = mkdtempSync(join(tmpdir(), 'paravideo-child-'));
    const secret = openSync('/etc/passwd', 'r');
    try {
      writeFileSync(
        join(folder, 'child.mjs'),
        `import fs from 'node:fs';
        const links = fs.readdirSync('/proc/self/fd').map((fd) => { try { return fs.readlinkSync('/proc/self/fd/' + fd); } catch { return ''; } });
        fs.writeSync(2, links.includes('/etc/passwd') ? 'inherited' : 'nothing');`,
      );
      const script = `
        import { Child } from ${path('index.ts')};
        import { pathToFileURL } from 'node:url';
        Child.start({
          script: pathToFileURL(${JSON.stringify(join(folder, 'child.mjs'))}), fds: [],
          onMessage() {}, onText(text) { console.log(text); }, onExit() {},
        });
      `;
      // Descriptor 20, without close-on-exec, as a shell hands it on.
      const stdio = ['ignore', 'pipe', 'pipe', ...Array.from({ length: 17 }, () => 'ignore' as const), secret] as const;
      const args = ['--no-warnings', '--input-type=module', '-e', script];
      const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8', stdio: [...stdio], timeout: 60_000 });
      expect([stdout.trim(), stderr]).toEqual(['nothing', '']);
    } finally {
      closeSync(secret);
      rmSync(folder, { recursive: true });
    }
  });
});
