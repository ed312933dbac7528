// SPDX-License-Identifier: Apache-2.0
/** VIDIOC_G/S/TRY_EXT_CTRLS of a proxied node: what stands behind pointers of a guest is fetched, and put back there. */
import type { ForeignNode } from '../../ports/index.ts';
import { Errno, V4L2_CTRL_WHICH_REQUEST_VAL, VIDIOC_G_EXT_CTRLS, v4l2_ext_control, v4l2_ext_controls } from '../../wire/index.ts';
import type { DeviceLimits } from '../framework/limits.ts';
import type { IoctlCall } from '../framework/media-device.ts';

const ALL = v4l2_ext_controls.fields;
const ONE = v4l2_ext_control.fields;

/** Carries the call out. Struct and controls are updated with errors, too: they say which control was refused (P6). */
export async function proxyControls(node: ForeignNode, limits: DeviceLimits, call: IoctlCall): Promise<number> {
  if (ALL.anon.fields.which.get(call.payload, 0) === V4L2_CTRL_WHICH_REQUEST_VAL) return Errno.EINVAL;
  const count = call.controls.byteLength / v4l2_ext_control.size;
  if (count > limits.controlsPerCall) return Errno.EINVAL;
  const sizes = Array.from({ length: count }, (_, i) => ONE.size.get(call.controls, i * v4l2_ext_control.size));
  if (sizes.reduce((sum, size) => sum + size, 0) > limits.controlBytes) return Errno.ENOSPC;
  const contents: (Uint8Array | undefined)[] = [];
  for (const [i, size] of sizes.entries()) {
    if (size === 0) {
      contents.push(undefined);
      continue;
    }
    // What a driver does not fill is zeros, not what somebody else had there.
    const content = call.nr === VIDIOC_G_EXT_CTRLS ? new Uint8Array(size) : call.memory.read(call.lists[i] ?? [], size);
    if (content === undefined) return Errno.EFAULT;
    contents.push(content);
  }
  const payload = bytesOf(call.payload).slice();
  const view = new DataView(payload.buffer);
  ALL.request_fd.set(view, 0, 0);
  ALL.controls.set(view, 0, new Uint8Array(0));
  const answer = await node.call({ nr: call.nr, payload, controls: bytesOf(call.controls).slice(), contents });
  const told = new DataView(answer.payload.buffer, answer.payload.byteOffset, answer.payload.byteLength);
  ALL.error_idx.set(call.payload, 0, ALL.error_idx.get(told, 0));
  bytesOf(call.controls).set(answer.controls);
  if (answer.errno !== 0) return answer.errno;
  for (const [i, content] of answer.contents.entries()) {
    const size = sizes[i] ?? 0;
    if (content === undefined || size === 0) continue;
    if (!call.memory.write(call.lists[i] ?? [], content.subarray(0, size))) return Errno.EFAULT;
  }
  return 0;
}

function bytesOf(view: DataView): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
}
