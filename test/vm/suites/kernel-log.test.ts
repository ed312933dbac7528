// SPDX-License-Identifier: Apache-2.0
import { expect, it } from 'vitest';
import { complaintsIn } from './kernel-log.ts';

it('the reader of the kernel log finds every warning, whatever its words', () => {
  const log = [
    '<6>[    1.000000] virtio-pci 0000:01:00.0: enabling device (0000 -> 0002)',
    '<4>[    2.000000] workqueue: work func vmedia_event_work enqueued on deprecated workqueue. Use system_{percpu|dfl}_wq instead.',
    '<3>[    3.000000] paravideo-media virtio3: the device lost a stream (-5)',
    '<0>[    4.000000] Kernel panic - not syncing',
    '<12>[    5.000000] a program of the guest warns',
    '<6>[    6.000000] pagealloc: single bit error',
    '<4>[    7.000000] paravideo_media: loading out-of-tree module taints kernel.',
  ].join('\r\n');
  expect(complaintsIn(log).map((line) => /\[ +(\d)/.exec(line)?.[1])).toEqual(['2', '3', '4', '6']);
  expect(complaintsIn(log, [/the device lost a stream/]).map((line) => /\[ +(\d)/.exec(line)?.[1])).toEqual(['2', '4', '6']);
});

it('the reader of the kernel log passes over a stack of vivid’s, unless the driver is in it', () => {
  const stack = (frame: string) =>
    `<3>[    1.000000] schedule_timeout: wrong timeout value fffffffffffffff0\n<4>[    1.000001] Call Trace:\n` +
    `<4>[    1.000002]  vivid_thread_vid_cap+0x1/0x2 [vivid]\n<4>[    1.000003]  ${frame}\n<4>[    1.000004]  </TASK>`;
  expect(complaintsIn(stack('kthread+0xd7/0x100'))).toEqual([]);
  expect(complaintsIn(stack('vmedia_stop+0x1/0x2 [paravideo_media]'))).not.toEqual([]);
});
