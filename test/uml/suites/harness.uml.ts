// SPDX-License-Identifier: Apache-2.0
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, it } from 'vitest';
import { UmlHost } from '../harness/index.ts';

it('a script gives its output and its status, and files go both ways', async () => {
  await using host = await UmlHost.boot({ memoryMiB: 256 });
  expect(await host.run('echo said; echo complained >&2; exit 7')).toMatchObject({
    status: 7,
    stdout: 'said\n',
    stderr: 'complained\n',
  });
  writeFileSync(join(host.share, 'there'), 'from outside');
  expect(await host.must('cat /mnt/there; echo from inside > /mnt/here')).toBe('from outside');
  expect(readFileSync(join(host.share, 'here'), 'utf8')).toBe('from inside\n');
  await expect(host.must('false')).rejects.toThrow('status 1 of false');
  rmSync(dirname(host.share), { recursive: true });
});

it('the machine’s own files cannot be written to', async () => {
  await using host = await UmlHost.boot({ memoryMiB: 256 });
  const { status, stderr } = await host.run('touch /etc/paravideo-was-here');
  expect(stderr).toContain('Read-only file system');
  expect(status).not.toBe(0);
});

it.each(['auto', 'off'])('Node runs, with seccomp=%s', async (seccomp) => {
  await using host = await UmlHost.boot({ memoryMiB: 512, kernelWords: [`seccomp=${seccomp}`] });
  expect(await host.must('node -p "6 * 7"')).toBe('42\n');
});

it('a script that hangs is killed and told of, and the next one runs', async () => {
  await using host = await UmlHost.boot({ memoryMiB: 256 });
  await expect(host.run('echo so far; sleep 1000', 2000)).rejects.toThrow(/more than 2 s: echo so far; sleep 1000\nso far/);
  expect(await host.must('echo alive')).toBe('alive\n');
  rmSync(dirname(host.share), { recursive: true });
});

it('one that ends under a script is told of with the end of its console', async () => {
  await using host = await UmlHost.boot({ memoryMiB: 256 });
  await host.must('echo "the last words" > /dev/kmsg');
  const waiting = host.run('sleep 1000');
  waiting.catch(() => {});
  process.kill(host.pid, 'SIGKILL');
  await expect(waiting).rejects.toThrow(/User-mode Linux ended \(SIGKILL\)[\s\S]*the last words/);
  rmSync(dirname(host.share), { recursive: true });
});

it('a fault that the kernel tells of fails whoever ends it, unless it is expected', async () => {
  const fault = 'echo "<1>BUG: made by a test" > /dev/kmsg';
  const host = await UmlHost.boot({ memoryMiB: 256 });
  await host.must(fault);
  await expect(host[Symbol.asyncDispose]()).rejects.toThrow('BUG: made by a test');
  expect(existsSync(join(dirname(host.share), 'console.log'))).toBe(true);
  rmSync(dirname(host.share), { recursive: true });

  await using other = await UmlHost.boot({ memoryMiB: 256, expected: [/made by a test/] });
  await other.must(fault);
});

it('it ends with the process that started it, whatever ends that, and its own processes with it', async () => {
  const module = new URL('../harness/index.ts', import.meta.url).href;
  const script = `import { UmlHost } from '${module}';
    const host = await UmlHost.boot({ memoryMiB: 256 });
    void host.run('sleep 1000');
    console.log(JSON.stringify({ pid: host.pid, share: host.share }));`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = await once(child.stdout, 'data');
  const { pid, share } = JSON.parse(String(line));
  await expect.poll(() => descendants(pid).length).toBeGreaterThan(1);
  const family = [pid, ...descendants(pid)];
  child.kill('SIGKILL');
  await expect.poll(() => family.filter(runs)).toEqual([]);
  rmSync(dirname(share), { recursive: true });
});

/** Processes that come from one, as long as it is there. */
function descendants(pid: number): readonly number[] {
  const text = contents(`/proc/${pid}/task/${pid}/children`);
  return text
    .split(' ')
    .filter(Boolean)
    .flatMap((child) => [Number(child), ...descendants(Number(child))]);
}

/** Whether a process runs; one that has ended may wait for somebody who asks how. */
const runs = (pid: number): boolean => !/^$|^\d+ \(.*\) [ZX]/.test(contents(`/proc/${pid}/stat`));

function contents(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
