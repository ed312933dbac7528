// SPDX-License-Identifier: Apache-2.0
/**
 * What every V4L2 session has: queues, controls, event subscriptions, and their ioctls in groups. A device adds what is
 * special by a table of its own: `ioctlTable(BUFFER_IOCTLS, CONTROL_IOCTLS, EVENT_IOCTLS, [[VIDIOC_G_FMT, …], …])`.
 */
import type { Clock } from '../../ports/index.ts';
import {
  type ControlSet,
  controlEvent,
  EventSubscriptions,
  extControls,
  getControl,
  initialControlEvent,
  queryControl,
  queryExtControl,
  queryMenu,
  setControl,
} from '../../v4l2/index.ts';
import {
  Errno,
  V4L2_CTRL_TYPE_CTRL_CLASS,
  V4L2_EVENT_CTRL,
  V4L2_EVENT_CTRL_CH_FLAGS,
  V4L2_EVENT_CTRL_CH_RANGE,
  V4L2_EVENT_CTRL_CH_VALUE,
  VIDIOC_CREATE_BUFS,
  VIDIOC_G_CTRL,
  VIDIOC_G_EXT_CTRLS,
  VIDIOC_PREPARE_BUF,
  VIDIOC_QBUF,
  VIDIOC_QUERY_EXT_CTRL,
  VIDIOC_QUERYBUF,
  VIDIOC_QUERYCTRL,
  VIDIOC_QUERYMENU,
  VIDIOC_REMOVE_BUFS,
  VIDIOC_REQBUFS,
  VIDIOC_S_CTRL,
  VIDIOC_S_EXT_CTRLS,
  VIDIOC_STREAMOFF,
  VIDIOC_STREAMON,
  VIDIOC_SUBSCRIBE_EVENT,
  VIDIOC_TRY_EXT_CTRLS,
  VIDIOC_UNSUBSCRIBE_EVENT,
  v4l2_buffer,
  v4l2_create_buffers,
  v4l2_remove_buffers,
  v4l2_requestbuffers,
} from '../../wire/index.ts';
import type { BufferQueue } from '../buffers/buffer-queue.ts';
import type { IoctlRow } from './ioctl-table.ts';
import type { DeviceLimits } from './limits.ts';
import type { IoctlCall, MappablePlane, MediaSession, SessionEvents } from './media-device.ts';

/** What a session is made of. */
export interface SessionOptions {
  readonly events: SessionEvents;
  readonly clock: Clock;
  readonly limits: DeviceLimits;
  readonly controls: ControlSet;
  /** called once, when the session has closed */
  readonly closed: () => void;
}

/** The base of sessions. Subclasses give `ioctl`, `queues`, and `knowsEvent` for events beside V4L2_EVENT_CTRL. */
export abstract class V4l2Session implements MediaSession {
  readonly limits: DeviceLimits;
  readonly subscriptions: EventSubscriptions;
  #controls: ControlSet;
  #listening: Disposable;
  readonly #closed: () => void;
  #closing: Promise<void> | undefined;

  constructor(options: SessionOptions) {
    this.#controls = options.controls;
    this.limits = options.limits;
    this.#closed = options.closed;
    const catalog = (type: number, id: number) => this.#event(type, id);
    this.subscriptions = new EventSubscriptions(
      (event) => options.events.event(event),
      options.clock,
      catalog,
      options.limits.subscriptions,
    );
    this.#listening = this.#listen();
  }

  /** The controls that the session has now. */
  get controls(): ControlSet {
    return this.#controls;
  }

  /** The queues of the session, one per buffer type. */
  abstract readonly queues: readonly BufferQueue[];

  abstract ioctl(call: IoctlCall): number | Promise<number>;

  /** True if the session can be told of V4L2_EVENT_* `type` with `id`; CTRL is taken care of. */
  protected abstract knowsEvent(type: number, id: number): boolean;

  /** 0, or why this session may not change or run the queue now (EBUSY: another session owns it). */
  mayUse(_queue: BufferQueue): number {
    return 0;
  }

  /** Called after an ioctl that made or freed buffers. */
  buffersChanged(_queue: BufferQueue): void {}

  /** The queue of a buffer type; EINVAL if there is none. */
  queue(type: number): BufferQueue | undefined {
    return this.queues.find((queue) => queue.type === type);
  }

  plane(offset: number): MappablePlane | undefined {
    for (const queue of this.queues) {
      const plane = queue.plane(offset);
      if (plane !== undefined) return plane;
    }
    return undefined;
  }

  /** The session has other controls from now on; whoever subscribed to one of them is told all about it. */
  protected changeControls(controls: ControlSet): void {
    this.#listening[Symbol.dispose]();
    this.#controls = controls;
    this.#listening = this.#listen();
    const changes = V4L2_EVENT_CTRL_CH_VALUE | V4L2_EVENT_CTRL_CH_FLAGS | V4L2_EVENT_CTRL_CH_RANGE;
    for (const control of controls.ordered) {
      if (control.spec.type === V4L2_CTRL_TYPE_CTRL_CLASS) continue;
      this.subscriptions.emit(V4L2_EVENT_CTRL, control.spec.id, controlEvent(controls, control, changes));
    }
  }

  #listen(): Disposable {
    const controls = this.#controls;
    return controls.listen(({ control, changes, origin }) =>
      this.subscriptions.emit(V4L2_EVENT_CTRL, control.spec.id, controlEvent(controls, control, changes), origin === this),
    );
  }

  /** Ends the session; every call resolves when no memory of the guest is touched any more. */
  close(): Promise<void> {
    this.#closing ??= this.end();
    return this.#closing;
  }

  /** Stops and frees the queues, once. Overrides call it after their own cleaning up. */
  protected async end(): Promise<void> {
    this.subscriptions.clear();
    this.#listening[Symbol.dispose]();
    for (const queue of this.queues) {
      await queue.release();
      this.buffersChanged(queue);
    }
    this.#closed();
  }

  #event(type: number, id: number) {
    if (type !== V4L2_EVENT_CTRL) return this.knowsEvent(type, id) ? { initial: undefined } : Errno.EINVAL;
    const control = this.controls.find(id);
    if (control === undefined) return Errno.EINVAL;
    const heading = control.spec.type === V4L2_CTRL_TYPE_CTRL_CLASS;
    return { initial: heading ? undefined : initialControlEvent(this.controls, control) };
  }
}

/** Runs on the queue of `type`: EINVAL if there is none, EBUSY if another session owns it and that matters. */
function onQueue(
  type: number,
  session: V4l2Session,
  run: (queue: BufferQueue) => number | Promise<number>,
  guard: 'owner' | 'anyone' = 'owner',
): number | Promise<number> {
  const queue = session.queue(type);
  if (queue === undefined) return Errno.EINVAL;
  return (guard === 'owner' ? session.mayUse(queue) : 0) || run(queue);
}

/** Tells the session of buffers that were made, at once and, if some wait for memory, when they are there. */
function whenMade(session: V4l2Session, queue: BufferQueue, made: number | Promise<number>): number | Promise<number> {
  session.buffersChanged(queue);
  if (typeof made === 'number') return made;
  return made.finally(() => session.buffersChanged(queue));
}

const BUF_TYPE = v4l2_buffer.fields.type;

/** VIDIOC_REQBUFS … VIDIOC_STREAMOFF: the buffer ioctls, on any session. */
export const BUFFER_IOCTLS: readonly IoctlRow<V4l2Session>[] = [
  [
    VIDIOC_REQBUFS,
    (session, call) =>
      onQueue(v4l2_requestbuffers.fields.type.get(call.payload, 0), session, (queue) =>
        whenMade(session, queue, queue.requestBuffers(call)),
      ),
  ],
  [
    VIDIOC_CREATE_BUFS,
    (session, call) => {
      const query = v4l2_create_buffers.fields.count.get(call.payload, 0) === 0;
      const run = (queue: BufferQueue) => whenMade(session, queue, queue.createBuffers(call));
      return onQueue(
        v4l2_create_buffers.fields.format.fields.type.get(call.payload, 0),
        session,
        run,
        query ? 'anyone' : 'owner',
      );
    },
  ],
  [
    VIDIOC_REMOVE_BUFS,
    (session, call) =>
      onQueue(v4l2_remove_buffers.fields.type.get(call.payload, 0), session, (queue) => {
        const errno = queue.removeBuffers(call);
        session.buffersChanged(queue);
        return errno;
      }),
  ],
  [
    VIDIOC_QUERYBUF,
    (session, call) => onQueue(BUF_TYPE.get(call.payload, 0), session, (queue) => queue.queryBuffer(call), 'anyone'),
  ],
  [VIDIOC_PREPARE_BUF, (session, call) => onQueue(BUF_TYPE.get(call.payload, 0), session, (queue) => queue.prepareBuffer(call))],
  [VIDIOC_QBUF, (session, call) => onQueue(BUF_TYPE.get(call.payload, 0), session, (queue) => queue.queueBuffer(call))],
  [VIDIOC_STREAMON, (session, call) => onQueue(call.payload.getUint32(0, true), session, (queue) => queue.streamOn())],
  [VIDIOC_STREAMOFF, (session, call) => onQueue(call.payload.getUint32(0, true), session, (queue) => queue.streamOff())],
];

/** The control ioctls, old and extended (P17), on any session. */
export const CONTROL_IOCTLS: readonly IoctlRow<V4l2Session>[] = [
  [VIDIOC_QUERYCTRL, (session, call) => queryControl(session.controls, call.payload)],
  [VIDIOC_QUERY_EXT_CTRL, (session, call) => queryExtControl(session.controls, call.payload)],
  [VIDIOC_QUERYMENU, (session, call) => queryMenu(session.controls, call.payload)],
  [VIDIOC_G_CTRL, (session, call) => getControl(session.controls, call.payload)],
  [VIDIOC_S_CTRL, (session, call) => setControl(session.controls, call.payload, session)],
  [VIDIOC_G_EXT_CTRLS, (session, call) => extControls('get', session.controls, call, session.limits, session)],
  [VIDIOC_S_EXT_CTRLS, (session, call) => extControls('set', session.controls, call, session.limits, session)],
  [VIDIOC_TRY_EXT_CTRLS, (session, call) => extControls('try', session.controls, call, session.limits, session)],
];

/** VIDIOC_SUBSCRIBE_EVENT and VIDIOC_UNSUBSCRIBE_EVENT, on any session. */
export const EVENT_IOCTLS: readonly IoctlRow<V4l2Session>[] = [
  [VIDIOC_SUBSCRIBE_EVENT, (session, call) => session.subscriptions.subscribe(call.payload)],
  [VIDIOC_UNSUBSCRIBE_EVENT, (session, call) => session.subscriptions.unsubscribe(call.payload)],
];
