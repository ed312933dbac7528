// SPDX-License-Identifier: Apache-2.0
/**
 * What a proxy hands through: every ioctl whose struct holds no pointer, and those whose pointers the protocol carries. Without a
 * handler, and so ENOTTY: EDID and frame buffers (their pointers do not travel), EXPBUF (no exported objects), VIDIOC_DBG_* (registers of
 * the host's hardware), and what virtio-media replaces.
 */
import {
  Errno,
  VIDIOC_CREATE_BUFS,
  VIDIOC_CROPCAP,
  VIDIOC_DECODER_CMD,
  VIDIOC_DV_TIMINGS_CAP,
  VIDIOC_ENCODER_CMD,
  VIDIOC_ENUM_DV_TIMINGS,
  VIDIOC_ENUM_FMT,
  VIDIOC_ENUM_FRAMEINTERVALS,
  VIDIOC_ENUM_FRAMESIZES,
  VIDIOC_ENUM_FREQ_BANDS,
  VIDIOC_ENUMAUDIO,
  VIDIOC_ENUMAUDOUT,
  VIDIOC_ENUMINPUT,
  VIDIOC_ENUMOUTPUT,
  VIDIOC_ENUMSTD,
  VIDIOC_G_AUDIO,
  VIDIOC_G_AUDOUT,
  VIDIOC_G_CROP,
  VIDIOC_G_CTRL,
  VIDIOC_G_DV_TIMINGS,
  VIDIOC_G_ENC_INDEX,
  VIDIOC_G_EXT_CTRLS,
  VIDIOC_G_FMT,
  VIDIOC_G_FREQUENCY,
  VIDIOC_G_INPUT,
  VIDIOC_G_MODULATOR,
  VIDIOC_G_OUTPUT,
  VIDIOC_G_PARM,
  VIDIOC_G_PRIORITY,
  VIDIOC_G_SELECTION,
  VIDIOC_G_SLICED_VBI_CAP,
  VIDIOC_G_STD,
  VIDIOC_G_TUNER,
  VIDIOC_PREPARE_BUF,
  VIDIOC_QBUF,
  VIDIOC_QUERY_DV_TIMINGS,
  VIDIOC_QUERY_EXT_CTRL,
  VIDIOC_QUERYBUF,
  VIDIOC_QUERYCTRL,
  VIDIOC_QUERYMENU,
  VIDIOC_QUERYSTD,
  VIDIOC_REMOVE_BUFS,
  VIDIOC_REQBUFS,
  VIDIOC_S_AUDIO,
  VIDIOC_S_AUDOUT,
  VIDIOC_S_CROP,
  VIDIOC_S_CTRL,
  VIDIOC_S_DV_TIMINGS,
  VIDIOC_S_EXT_CTRLS,
  VIDIOC_S_FMT,
  VIDIOC_S_FREQUENCY,
  VIDIOC_S_HW_FREQ_SEEK,
  VIDIOC_S_INPUT,
  VIDIOC_S_MODULATOR,
  VIDIOC_S_OUTPUT,
  VIDIOC_S_PARM,
  VIDIOC_S_PRIORITY,
  VIDIOC_S_SELECTION,
  VIDIOC_S_STD,
  VIDIOC_S_TUNER,
  VIDIOC_STREAMOFF,
  VIDIOC_STREAMON,
  VIDIOC_SUBSCRIBE_EVENT,
  VIDIOC_TRY_DECODER_CMD,
  VIDIOC_TRY_ENCODER_CMD,
  VIDIOC_TRY_EXT_CTRLS,
  VIDIOC_TRY_FMT,
  VIDIOC_UNSUBSCRIBE_EVENT,
  v4l2_buffer,
  v4l2_create_buffers,
  v4l2_remove_buffers,
  v4l2_requestbuffers,
} from '../../wire/index.ts';
import { type IoctlHandler, type IoctlRow, type IoctlTable, ioctlTable } from '../framework/ioctl-table.ts';
import type { IoctlCall } from '../framework/media-device.ts';
import { isProxied } from './proxied-types.ts';
import type { ProxyQueue } from './proxy-queue.ts';
import type { ProxySession } from './proxy-session.ts';

/** Structs without a pointer, whatever stands in them. */
const PLAIN: readonly number[] = [
  VIDIOC_ENUM_FMT,
  VIDIOC_G_PARM,
  VIDIOC_S_PARM,
  VIDIOC_CROPCAP,
  VIDIOC_G_CROP,
  VIDIOC_S_CROP,
  VIDIOC_G_SELECTION,
  VIDIOC_S_SELECTION,
  VIDIOC_G_STD,
  VIDIOC_S_STD,
  VIDIOC_ENUMSTD,
  VIDIOC_QUERYSTD,
  VIDIOC_ENUMINPUT,
  VIDIOC_G_INPUT,
  VIDIOC_S_INPUT,
  VIDIOC_ENUMOUTPUT,
  VIDIOC_G_OUTPUT,
  VIDIOC_S_OUTPUT,
  VIDIOC_ENUMAUDIO,
  VIDIOC_G_AUDIO,
  VIDIOC_S_AUDIO,
  VIDIOC_ENUMAUDOUT,
  VIDIOC_G_AUDOUT,
  VIDIOC_S_AUDOUT,
  VIDIOC_G_TUNER,
  VIDIOC_S_TUNER,
  VIDIOC_G_MODULATOR,
  VIDIOC_S_MODULATOR,
  VIDIOC_G_FREQUENCY,
  VIDIOC_S_FREQUENCY,
  VIDIOC_ENUM_FREQ_BANDS,
  VIDIOC_S_HW_FREQ_SEEK,
  VIDIOC_S_DV_TIMINGS,
  VIDIOC_G_DV_TIMINGS,
  VIDIOC_ENUM_DV_TIMINGS,
  VIDIOC_QUERY_DV_TIMINGS,
  VIDIOC_DV_TIMINGS_CAP,
  VIDIOC_G_CTRL,
  VIDIOC_S_CTRL,
  VIDIOC_QUERYCTRL,
  VIDIOC_QUERY_EXT_CTRL,
  VIDIOC_QUERYMENU,
  VIDIOC_G_PRIORITY,
  VIDIOC_S_PRIORITY,
  VIDIOC_G_SLICED_VBI_CAP,
  VIDIOC_ENUM_FRAMESIZES,
  VIDIOC_ENUM_FRAMEINTERVALS,
  VIDIOC_G_ENC_INDEX,
  VIDIOC_ENCODER_CMD,
  VIDIOC_TRY_ENCODER_CMD,
  VIDIOC_DECODER_CMD,
  VIDIOC_TRY_DECODER_CMD,
  VIDIOC_SUBSCRIBE_EVENT,
  VIDIOC_UNSUBSCRIBE_EVENT,
];

/** The struct of a format: of an overlay it holds pointers. */
const FORMATS: readonly number[] = [VIDIOC_G_FMT, VIDIOC_S_FMT, VIDIOC_TRY_FMT];

type TypeField = { readonly get: (view: DataView, base: number) => number };

const AT_START: TypeField = { get: (view, base) => view.getUint32(base, true) };

function typed(type: TypeField, run: IoctlHandler<ProxySession>): IoctlHandler<ProxySession> {
  return (session, call) => (isProxied(type.get(call.payload, 0)) ? run(session, call) : Errno.EINVAL);
}

function queued(
  type: TypeField,
  run: (queue: ProxyQueue, call: IoctlCall, session: ProxySession) => Promise<number>,
): IoctlHandler<ProxySession> {
  return typed(type, (session, call) => run(session.queue(type.get(call.payload, 0)), call, session));
}

const forward: IoctlHandler<ProxySession> = (session, call) => session.forward(call);

const QUEUES: readonly IoctlRow<ProxySession>[] = [
  [VIDIOC_REQBUFS, queued(v4l2_requestbuffers.fields.type, (queue, call) => queue.requestBuffers(call))],
  [VIDIOC_CREATE_BUFS, queued(v4l2_create_buffers.fields.format.fields.type, (queue, call) => queue.createBuffers(call))],
  [VIDIOC_REMOVE_BUFS, queued(v4l2_remove_buffers.fields.type, (queue, call) => queue.removeBuffers(call))],
  [VIDIOC_QUERYBUF, queued(v4l2_buffer.fields.type, (queue, call) => queue.queryBuffer(call))],
  [VIDIOC_PREPARE_BUF, queued(v4l2_buffer.fields.type, (queue, call) => queue.giveBuffer(call))],
  [VIDIOC_QBUF, queued(v4l2_buffer.fields.type, (queue, call) => queue.giveBuffer(call))],
  [VIDIOC_STREAMON, queued(AT_START, (queue) => queue.streamOn())],
  [VIDIOC_STREAMOFF, queued(AT_START, (queue) => queue.streamOff())],
];

/** The ioctls of a proxy. */
export const PROXY_IOCTLS: IoctlTable<ProxySession> = ioctlTable<ProxySession>(
  PLAIN.map((nr) => [nr, forward]),
  FORMATS.map((nr) => [nr, typed(AT_START, forward)]),
  [VIDIOC_G_EXT_CTRLS, VIDIOC_S_EXT_CTRLS, VIDIOC_TRY_EXT_CTRLS].map((nr) => [nr, (session, call) => session.controls(call)]),
  QUEUES,
);
