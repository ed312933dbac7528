// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { ConsoleLog } from './console.ts';

describe('the console of User-mode Linux', () => {
  const console = new ConsoleLog();
  console.take('[    0.000000] Kernel command line: oops=panic BUG\r\n[    1.0] BUG: Bad page map in pro');
  console.take('cess node\r\n[    2.0] WARNING: CPU: 0 PID: 1 at virtio_uml.c:1 vu_del_vqs\n[    3.0] all is well\n');

  it('tells of faults of the kernel, each by its whole line', () => {
    expect(console.complaints()).toEqual([
      '[    1.0] BUG: Bad page map in process node',
      '[    2.0] WARNING: CPU: 0 PID: 1 at virtio_uml.c:1 vu_del_vqs',
    ]);
  });

  it('does not tell of those that a test expects', () => {
    expect(console.complaints([/vu_del_vqs/])).toEqual(['[    1.0] BUG: Bad page map in process node']);
  });

  it('takes the trace behind an expected line for a part of it, and no other', () => {
    const log = new ConsoleLog();
    log.take('WARNING: CPU: 0 at virtio_uml.c:1\nCall Trace:\n [<60034cdf>] ? warn\nBUG: sleeping\nCall Trace:\n');
    expect(log.complaints([/virtio_uml/])).toEqual(['BUG: sleeping', 'Call Trace:']);
  });

  it('shows its last lines in an error', () => {
    expect(console.tail).toContain('  [    3.0] all is well\n');
  });

  it('does not complain of a trace that vivid shows when its thread was kept waiting, but of the next one', () => {
    const log = new ConsoleLog();
    log.take('schedule_timeout: wrong timeout value fffffffffffffffc\nStack:\nCall Trace:\n [<60034cdf>] ? dump_stack_lvl\n');
    expect(log.complaints()).toEqual([]);
    log.take('Call Trace:\n');
    expect(log.complaints()).toEqual(['Call Trace:']);
  });
});
