// SPDX-License-Identifier: Apache-2.0
/** The thread of a sink that is a V4L2 node: whatever its driver makes it wait for, nobody else waits. */
import { serveThread } from '../../isolation/worker/index.ts';
import type { NodeAnswer, NodeRequest } from './node-messages.ts';
import { NodeOutput } from './node-output.ts';

/** what is played just now */
let output: NodeOutput | undefined;

serveThread<NodeRequest, NodeAnswer>((request, post) => {
  const { id } = request;
  switch (request.kind) {
    case 'start':
      output?.stop();
      output = new NodeOutput(request, post);
      return void output.start();
    case 'frame':
      if (output?.id === id) return void output.frame(request.frame, request.planes);
      return post({ kind: 'copied', id, frame: request.frame });
    case 'stop':
      if (output?.id !== id) return;
      output.stop();
      output = undefined;
  }
});

// A thread that dies takes nothing along by itself: a node that it leaves open is busy for ever.
process.once('exit', () => output?.stop());
