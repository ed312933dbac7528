// SPDX-License-Identifier: Apache-2.0
/** The thread of a camera: whatever its driver makes it wait for, nobody else waits. */
import { Errno, type MediaEvent, V4L2_EVENT_CTRL } from '@paravideo/core';
import { serveThread } from '../../isolation/worker/index.ts';
import { HostNode } from '../../v4l2/index.ts';
import type { CameraAnswer, CameraRequest } from './camera-messages.ts';
import { troubleOf } from './camera-trouble.ts';
import { describeNode } from './describe-node.ts';
import { declaredFlags } from './node-controls.ts';
import { NodeStream } from './node-stream.ts';

/** the start that runs, and those whose frames are not all back */
const streams = new Map<number, NodeStream>();

serveThread<CameraRequest, CameraAnswer>((request, post) => {
  switch (request.kind) {
    case 'describe':
      return void describe(request.path, post);
    case 'start': {
      const stream = new NodeStream(request, post, (event) => tell(event, post));
      streams.set(stream.id, stream);
      return void stream.start(request);
    }
    case 'release':
      streams.get(request.id)?.release(request.index);
      return forget(request.id);
    case 'stop':
      streams.get(request.id)?.stop();
      return forget(request.id);
    case 'set':
      return void set(request, post);
  }
});

function forget(id: number): void {
  if (streams.get(id)?.done) streams.delete(id);
}

async function describe(path: string, post: (answer: CameraAnswer) => void): Promise<void> {
  try {
    using node = HostNode.open(path);
    post({ kind: 'described', description: await describeNode(node) });
  } catch (error) {
    post({ kind: 'unavailable', ...troubleOf(path, error) });
  }
}

/** A control is set in the open node of a stream, or in one that is opened for it. */
async function set(
  { id, path, control, value }: Extract<CameraRequest, { kind: 'set' }>,
  post: (answer: CameraAnswer) => void,
): Promise<void> {
  try {
    const open = [...streams.values()].find(({ node }) => node !== undefined)?.node;
    using own = open === undefined ? HostNode.open(path) : undefined;
    const taken = await (open ?? own)?.sCtrl(control, value);
    post({ kind: 'set', id, errno: 0, value: taken ?? value });
  } catch (error) {
    post({ kind: 'set', id, errno: troubleOf(path, error).errno || Errno.EIO, value });
  }
}

function tell({ type, id, control }: MediaEvent, post: (answer: CameraAnswer) => void): void {
  if (type !== V4L2_EVENT_CTRL || control === undefined) return;
  const { value, flags, minimum, maximum, step, defaultValue } = control;
  const change = { minimum, maximum, step: Math.max(1, step), default: defaultValue, ...declaredFlags(flags) };
  post({ kind: 'control', control: id, value, change });
}
