// SPDX-License-Identifier: Apache-2.0
/**
 * The pointers of controls. Whether the union of a control holds a value or a pointer is a matter of the control, not of what is said in
 * the struct: a pointer is put wherever a driver would follow one, and nowhere else.
 */
import {
  Errno,
  type NodeRequest,
  V4L2_CTRL_FLAG_HAS_PAYLOAD,
  VIDIOC_QUERY_EXT_CTRL,
  v4l2_ext_control,
  v4l2_query_ext_ctrl,
} from '@paravideo/core';
import { type Pinned, pinned } from '../sys/index.ts';
import type { HostNode } from '../v4l2/index.ts';

/** Bits of an id that name the control: drivers overlook the others. */
const ID_MASK = 0x0fff_ffff;
const ONE = v4l2_ext_control.fields;
const QUERY = v4l2_query_ext_ctrl.fields;

type ControlKind = 'value' | 'payload' | 'unknown';

/** What the thread keeps of a node's controls. */
export class ControlContents {
  readonly #node: HostNode;
  /** of controls that there are: not more than the driver has */
  readonly #kinds = new Map<number, ControlKind>();

  constructor(node: HostNode) {
    this.#node = node;
  }

  /** Points each control at memory of this process, which has to be kept until the call is over; undefined for values. */
  point(controls: Uint8Array, contents: NodeRequest['contents']): (Pinned | undefined)[] {
    const view = new DataView(controls.buffer, controls.byteOffset, controls.byteLength);
    return Array.from({ length: controls.length / v4l2_ext_control.size }, (_, i) => {
      const at = i * v4l2_ext_control.size;
      const kind = this.#kind(ONE.id.get(view, at) & ID_MASK);
      if (kind === 'value') return undefined;
      const content = kind === 'payload' ? contents?.[i] : undefined;
      const memory = content === undefined ? undefined : pinned(content.length);
      if (content !== undefined) memory?.bytes.set(content);
      view.setBigUint64(at + ONE.anon.offset, BigInt(memory?.address ?? 0), true);
      return memory;
    });
  }

  #kind(id: number): ControlKind {
    const known = this.#kinds.get(id);
    if (known !== undefined) return known;
    const query = new Uint8Array(v4l2_query_ext_ctrl.size);
    const view = new DataView(query.buffer);
    QUERY.id.set(view, 0, id);
    const { errno } = this.#node.call(VIDIOC_QUERY_EXT_CTRL, query);
    // A driver that cannot be asked is too old for payloads.
    if (errno === Errno.ENOTTY) return 'value';
    if (errno !== 0) return 'unknown';
    const kind = (QUERY.flags.get(view, 0) & V4L2_CTRL_FLAG_HAS_PAYLOAD) === 0 ? 'value' : 'payload';
    this.#kinds.set(id, kind);
    return kind;
  }
}
