// SPDX-License-Identifier: Apache-2.0
/** Controls and control events. */

import type { ControlDescription } from '../../driver/media/controls.ts';
import { IoctlError } from '../../driver/rings/errors.ts';
import { Errno } from '../../wire/errno.gen.ts';
import { VIRTIO_MEDIA_EVT_EVENT } from '../../wire/media/virtio-media.ts';
import { VIDIOC_G_EXT_CTRLS, VIDIOC_S_EXT_CTRLS, VIDIOC_TRY_EXT_CTRLS } from '../../wire/v4l2/ioctls.gen.ts';
import { v4l2_event, v4l2_ext_control, v4l2_ext_controls } from '../../wire/v4l2/videodev2.ts';
import {
  V4L2_CTRL_FLAG_READ_ONLY,
  V4L2_CTRL_FLAG_WRITE_ONLY,
  V4L2_CTRL_TYPE_BOOLEAN,
  V4L2_CTRL_TYPE_INTEGER,
  V4L2_CTRL_TYPE_INTEGER_MENU,
  V4L2_CTRL_TYPE_MENU,
  V4L2_EVENT_CTRL,
  V4L2_EVENT_SUB_FL_SEND_INITIAL,
} from '../../wire/v4l2/videodev2-constants.gen.ts';
import type { ConformanceCheck } from '../check.ts';
import { statusText } from '../check-context.ts';
import { must, mustEqual, skip } from '../verdict.ts';

const NO_SUCH_CONTROL = 0x00f0_f0f0;
const POINTER = 0x12;

function extControls(ids: readonly number[], which = 0): Uint8Array {
  const bytes = new Uint8Array(v4l2_ext_controls.size + ids.length * v4l2_ext_control.size);
  const view = new DataView(bytes.buffer);
  const fields = v4l2_ext_controls.fields;
  fields.anon.fields.which.set(view, 0, which);
  fields.count.set(view, 0, ids.length);
  fields.controls.set(
    view,
    0,
    new Uint8Array(8).map((_, i) => POINTER + i),
  );
  ids.forEach((id, i) => {
    v4l2_ext_control.fields.id.set(view, v4l2_ext_controls.size + i * v4l2_ext_control.size, id);
  });
  return bytes;
}

const isPlain = (control: ControlDescription): boolean =>
  [V4L2_CTRL_TYPE_INTEGER, V4L2_CTRL_TYPE_BOOLEAN, V4L2_CTRL_TYPE_MENU, V4L2_CTRL_TYPE_INTEGER_MENU].some(
    (type) => type === control.type,
  ) && (control.flags & V4L2_CTRL_FLAG_WRITE_ONLY) === 0;

const isWritable = (control: ControlDescription): boolean =>
  isPlain(control) &&
  (control.flags & V4L2_CTRL_FLAG_READ_ONLY) === 0 &&
  control.maximum > control.minimum &&
  (control.type === V4L2_CTRL_TYPE_INTEGER || control.type === V4L2_CTRL_TYPE_BOOLEAN);

function eventsOf(events: readonly Uint8Array[], session: number, type: number): Uint8Array[] {
  return events.filter((bytes) => {
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    if (bytes.length < 144 || view.getUint32(0, true) !== VIRTIO_MEDIA_EVT_EVENT) return false;
    return view.getUint32(4, true) === session && v4l2_event.fields.type.get(view, 8) === type;
  });
}

/** See the top of the file. */
export const controlChecks: readonly ConformanceCheck[] = [
  {
    ids: ['VM-D3', 'VM-DX6'],
    title: 'the pointer `controls` comes back as it was sent, the controls right behind the structure',
    section: '5.22.6 Handling of pointers to data in ioctl payload',
    applies: 'any',
    async run(ctx) {
      const session = await ctx.session();
      const [first, second] = await ctx.controls(session, isPlain);
      if (first === undefined) skip('the device has no control that can be read');
      const ids = second === undefined ? [first.id] : [first.id, second.id];
      const reply = await ctx.rawIoctl(session.id, VIDIOC_G_EXT_CTRLS, extControls(ids));
      mustEqual(reply.status, 0, `the status of G_EXT_CTRLS of ${first.name}`);
      mustEqual(reply.used, 8 + v4l2_ext_controls.size + ids.length * v4l2_ext_control.size, 'its used length');
      const view = new DataView(reply.bytes.buffer, 8);
      const pointer = v4l2_ext_controls.fields.controls.get(view, 0);
      must(
        pointer.every((b, i) => b === POINTER + i),
        `the pointer came back as ${[...pointer]}`,
      );
      ids.forEach((id, i) => {
        mustEqual(v4l2_ext_control.fields.id.get(view, 32 + 20 * i), id, `the id of control ${i} in the answer`);
      });
    },
  },
  {
    ids: ['VM-DX17', 'P6', 'VM-D3'],
    title: 'an error of the ext-controls ioctls carries header, structure and controls, with error_idx set',
    section: '5.22.6 V4L2 ioctls',
    applies: 'any',
    async run(ctx) {
      const session = await ctx.session();
      const [known] = await ctx.controls(session, isPlain);
      if (known === undefined) skip('the device has no control that can be read');
      const ids = [known.id, NO_SUCH_CONTROL];
      const size = 8 + v4l2_ext_controls.size + ids.length * v4l2_ext_control.size;
      for (const [name, nr, index] of [
        ['G_EXT_CTRLS', VIDIOC_G_EXT_CTRLS, ids.length],
        ['S_EXT_CTRLS', VIDIOC_S_EXT_CTRLS, ids.length],
        ['TRY_EXT_CTRLS', VIDIOC_TRY_EXT_CTRLS, undefined],
      ] as const) {
        const reply = await ctx.rawIoctl(session.id, nr, extControls(ids));
        must(
          reply.status !== undefined && reply.status > 0,
          `${name} of a control that does not exist gave ${statusText(reply.status)}`,
        );
        mustEqual(reply.used, size, `the used length of the failed ${name}`);
        const view = new DataView(reply.bytes.buffer, 8);
        const errorIdx = v4l2_ext_controls.fields.error_idx.get(view, 0);
        if (index !== undefined) mustEqual(errorIdx, index, `error_idx of ${name}, where validation failed (= count)`);
        else must(errorIdx < ids.length, `error_idx of ${name} is ${errorIdx}, not that of a control`);
        const pointer = v4l2_ext_controls.fields.controls.get(view, 0);
        must(
          pointer.every((b, i) => b === POINTER + i),
          `the pointer came back from ${name} as ${[...pointer]}`,
        );
      }
    },
  },
  {
    ids: ['P19'],
    title: 'an absurd number of controls is refused',
    section: 'hostile guest',
    applies: 'any',
    async run(ctx) {
      const session = await ctx.session();
      for (const count of [0xffff_ffff, 0x8000_0000, 100_000, 3]) {
        const payload = extControls([NO_SUCH_CONTROL]);
        v4l2_ext_controls.fields.count.set(new DataView(payload.buffer), 0, count);
        const reply = await ctx.rawIoctl(session.id, VIDIOC_G_EXT_CTRLS, payload);
        must(
          reply.status !== undefined && reply.status > 0,
          `G_EXT_CTRLS with count ${count} and one control gave ${statusText(reply.status)}`,
        );
      }
      const huge = extControls([NO_SUCH_CONTROL]);
      v4l2_ext_control.fields.size.set(new DataView(huge.buffer), v4l2_ext_controls.size, 0xffff_ffff);
      const reply = await ctx.rawIoctl(session.id, VIDIOC_S_EXT_CTRLS, huge);
      must(reply.status !== undefined && reply.status > 0, `a control of 4 GiB without a list gave ${statusText(reply.status)}`);
    },
  },
  {
    ids: ['P17'],
    title: 'the old control ioctls and the extended ones tell the same',
    section: 'existing Linux drivers',
    applies: 'any',
    async run(ctx) {
      const session = await ctx.session();
      const controls = await ctx.controls(session, isPlain);
      if (controls.length === 0) skip('the device has no controls');
      for (const control of controls) {
        const old = await ctx.waitFor(session.queryctrl(control.id), 'the answer to QUERYCTRL');
        must(old !== undefined, `QUERYCTRL does not know ${control.name}, which QUERY_EXT_CTRL knows`);
        for (const key of ['id', 'type', 'name', 'minimum', 'maximum', 'step', 'defaultValue', 'flags'] as const) {
          mustEqual(old[key], control[key], `${key} of ${control.name} in QUERYCTRL, compared with QUERY_EXT_CTRL,`);
        }
        const value = await ctx.waitFor(session.gCtrl(control.id), 'the answer to G_CTRL');
        const extended = await ctx.waitFor(session.gExtCtrls([{ id: control.id }]), 'the answer to G_EXT_CTRLS');
        mustEqual(extended.errno, 0, `the errno of G_EXT_CTRLS of ${control.name}`);
        mustEqual(extended.controls[0]?.value, value, `${control.name} in G_EXT_CTRLS, compared with G_CTRL,`);
        must(value >= control.minimum && value <= control.maximum, `${control.name} is ${value}, outside its range`);
      }
    },
  },
  {
    ids: ['VM-DX11'],
    title: 'V4L2 events come for what was subscribed only, and stop when it is unsubscribed',
    section: '5.22.6 Emit an event',
    applies: 'any',
    async run(ctx) {
      const session = await ctx.session();
      const other = await ctx.session();
      const [control] = await ctx.controls(session, isWritable);
      if (control === undefined) skip('the device has no control that can be changed');
      const events = ctx.tap();
      const start = await ctx.waitFor(session.gCtrl(control.id), 'the answer to G_CTRL');
      const values = [control.minimum, Math.min(control.maximum, control.minimum + Math.max(1, control.step))].filter(
        (v) => v !== start,
      );
      const change = (to: number | undefined): Promise<number> =>
        ctx.waitFor(other.sCtrl(control.id, to ?? control.maximum), 'the answer to S_CTRL');
      ctx.cleanup(() => other.sCtrl(control.id, start));
      try {
        await change(values[0]);
        await change(start);
      } catch (error) {
        if (error instanceof IoctlError && error.errno === Errno.EBUSY) skip(`${control.name} cannot be changed now`);
        throw error;
      }
      await ctx.quiet();
      mustEqual(eventsOf(events, session.id, V4L2_EVENT_CTRL).length, 0, 'the number of events without a subscription');
      await ctx.waitFor(session.subscribeEvent(V4L2_EVENT_CTRL, control.id), 'the answer to SUBSCRIBE_EVENT');
      await change(values[0]);
      await ctx.until(() => eventsOf(events, session.id, V4L2_EVENT_CTRL).length > 0, `the event that ${control.name} changed`);
      mustEqual(
        eventsOf(events, other.id, V4L2_EVENT_CTRL).length,
        0,
        'the number of events to a session that did not subscribe',
      );
      await ctx.waitFor(session.unsubscribeEvent(V4L2_EVENT_CTRL, control.id), 'the answer to UNSUBSCRIBE_EVENT');
      await ctx.quiet();
      const seen = eventsOf(events, session.id, V4L2_EVENT_CTRL).length;
      await change(start);
      await ctx.quiet();
      mustEqual(eventsOf(events, session.id, V4L2_EVENT_CTRL).length, seen, 'the number of events after UNSUBSCRIBE_EVENT');
      must(
        events.filter((e) => e[0] === VIRTIO_MEDIA_EVT_EVENT).every((e) => e.length === 144),
        'an EVT_EVENT is not 144 bytes long',
      );
    },
  },
  {
    ids: ['P10'],
    title: 'the initial event of SUBSCRIBE_EVENT is on the event queue before the answer',
    section: 'existing Linux drivers',
    applies: 'any',
    async run(ctx) {
      const session = await ctx.session();
      const [control] = await ctx.controls(session, isPlain);
      if (control === undefined) skip('the device has no control to subscribe to');
      const events = ctx.tap();
      // The driver looks at the event queue right before it completes a command.
      await ctx.waitFor(
        session.subscribeEvent(V4L2_EVENT_CTRL, control.id, V4L2_EVENT_SUB_FL_SEND_INITIAL),
        'the answer to SUBSCRIBE_EVENT',
      );
      mustEqual(eventsOf(events, session.id, V4L2_EVENT_CTRL).length, 1, 'the number of events that came before the answer');
    },
  },
];
