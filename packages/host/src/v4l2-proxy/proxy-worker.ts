// SPDX-License-Identifier: Apache-2.0
/** The thread of a guest's proxy: whatever a driver makes it wait for, no other guest waits, and neither does the event loop. */
import { Errno, IoctlError } from '@paravideo/core';
import { serveThread } from '../isolation/worker/index.ts';
import { EdgePoll, SysError } from '../sys/index.ts';
import { HostNode } from '../v4l2/index.ts';
import { NodeFile } from './node-file.ts';
import { type OpenedNode, type ProxyRequest, type ProxyTold, refusal } from './proxy-messages.ts';

const files = new Map<number, NodeFile>();
/** there while there are files: it keeps the thread from ending */
let poll: EdgePoll | undefined;

serveThread<ProxyRequest, ProxyTold>((request, post) => {
  const { id, file } = request;
  switch (request.kind) {
    case 'open':
      return post({ kind: 'opened', id, opened: open(file, request.path, post) });
    case 'call':
      return post({ kind: 'answer', id, answer: files.get(file)?.call(request.request) ?? refusal(Errno.ENODEV) });
    case 'buffers':
      return post({ kind: 'buffers', id, answer: files.get(file)?.buffers(request.request) ?? refusal(Errno.ENODEV) });
    case 'close':
      close(file);
      return post({ kind: 'closed', id });
  }
});

// A thread that dies takes nothing along by itself: a node that it leaves open is busy for ever.
process.once('exit', () => {
  for (const file of [...files.keys()]) close(file);
});

function open(number: number, path: string, post: (told: ProxyTold) => void): OpenedNode {
  let node: HostNode | undefined;
  try {
    node = HostNode.open(path);
    const capability = node.capability();
    poll ??= new EdgePoll((token, hungUp) => files.get(token)?.changed(hungUp));
    files.set(number, new NodeFile(number, node, poll, post));
    return { errno: 0, capability };
  } catch (error) {
    node?.[Symbol.dispose]();
    end();
    if (error instanceof IoctlError || error instanceof SysError) return { errno: error.errno, capability: undefined };
    throw error;
  }
}

function close(file: number): void {
  files.get(file)?.close();
  files.delete(file);
  end();
}

function end(): void {
  if (files.size > 0) return;
  poll?.[Symbol.dispose]();
  poll = undefined;
}
