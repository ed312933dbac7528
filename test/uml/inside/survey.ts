// SPDX-License-Identifier: Apache-2.0
/** Everything that a V4L2 node can be asked without changing it, as one list of answers, byte by byte: of an open node of this machine, or of a guest's. */
import {
  Errno,
  IOCTLS,
  ioctlInfo,
  type TypedIoctls,
  V4L2_CTRL_FLAG_HAS_PAYLOAD,
  V4L2_CTRL_FLAG_NEXT_COMPOUND,
  V4L2_CTRL_FLAG_NEXT_CTRL,
  V4L2_CTRL_FLAG_VOLATILE,
  VIDIOC_CROPCAP,
  VIDIOC_DV_TIMINGS_CAP,
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
  VIDIOC_G_DV_TIMINGS,
  VIDIOC_G_ENC_INDEX,
  VIDIOC_G_FMT,
  VIDIOC_G_FREQUENCY,
  VIDIOC_G_INPUT,
  VIDIOC_G_MODULATOR,
  VIDIOC_G_OUTPUT,
  VIDIOC_G_PARM,
  VIDIOC_G_PRIORITY,
  VIDIOC_G_SELECTION,
  VIDIOC_G_STD,
  VIDIOC_G_TUNER,
  VIDIOC_QUERY_DV_TIMINGS,
  VIDIOC_QUERYCTRL,
  VIDIOC_QUERYMENU,
  VIDIOC_QUERYSTD,
  VIDIOC_S_INPUT,
  VIDIOC_S_OUTPUT,
} from '../../../packages/core/src/index.ts';

/** An open node, of whatever build of the packages. */
export type AskedNode = Pick<TypedIoctls, 'ioctl' | 'queryExtCtrl' | 'gExtCtrls'>;

const TYPES = [1, 2, 3, 4, 8, 9, 10, 13, 14];
/** Entries of a list that are asked for, and formats whose sizes are. */
const MAX = 80;
const SIZED = 3;

/** The answers, each with the ioctl and what it was asked. */
export async function survey(node: AskedNode): Promise<Readonly<Record<string, string>>> {
  const told: Record<string, string> = {};
  const ask = async (nr: number, ...words: readonly number[]): Promise<DataView | undefined> => {
    const info = ioctlInfo(nr);
    const bytes = new Uint8Array(info?.size ?? 0);
    words.forEach((word, i) => {
      new DataView(bytes.buffer).setUint32(4 * i, word, true);
    });
    const { errno } = await node.ioctl(nr, bytes);
    told[`${info?.name} ${words.join(' ')}`] = errno === 0 ? Buffer.from(bytes).toString('hex') : `errno ${errno}`;
    return errno === 0 ? new DataView(bytes.buffer) : undefined;
  };
  const each = async (ask: (index: number) => Promise<unknown>): Promise<void> => {
    for (let index = 0; index < MAX && (await ask(index)) !== undefined; index++);
  };
  for (const nr of [VIDIOC_G_INPUT, VIDIOC_G_OUTPUT, VIDIOC_G_AUDIO, VIDIOC_G_AUDOUT, VIDIOC_G_PRIORITY, VIDIOC_G_ENC_INDEX])
    await ask(nr);
  for (const nr of [VIDIOC_ENUMINPUT, VIDIOC_ENUMOUTPUT, VIDIOC_ENUMAUDIO, VIDIOC_ENUMAUDOUT, VIDIOC_G_TUNER, VIDIOC_G_MODULATOR])
    await each((index) => ask(nr, index));
  for (const type of TYPES) {
    for (const nr of [VIDIOC_G_FMT, VIDIOC_G_PARM, VIDIOC_CROPCAP]) await ask(nr, type);
    for (const target of [0, 1, 2, 3, 0x100, 0x101, 0x102, 0x103]) await ask(VIDIOC_G_SELECTION, type, target);
    await each(async (index) => {
      const format = await ask(VIDIOC_ENUM_FMT, index, type);
      const fourcc = format?.getUint32(44, true);
      if (fourcc === undefined) return undefined;
      if (index >= SIZED) return format;
      await each(async (at) => {
        const size = await ask(VIDIOC_ENUM_FRAMESIZES, at, fourcc);
        if (size === undefined || size.getUint32(8, true) !== 1) return undefined;
        await each((rate) => ask(VIDIOC_ENUM_FRAMEINTERVALS, rate, fourcc, size.getUint32(12, true), size.getUint32(16, true)));
        return size;
      });
      return format;
    });
  }
  const inputs = Object.keys(told).filter((key) => key.startsWith('VIDIOC_ENUMINPUT') && !told[key]?.startsWith('errno')).length;
  const outputs = Object.keys(told).filter(
    (key) => key.startsWith('VIDIOC_ENUMOUTPUT') && !told[key]?.startsWith('errno'),
  ).length;
  const places = [
    ...Array.from({ length: inputs }, (_, i) => [VIDIOC_S_INPUT, i] as const),
    ...Array.from({ length: outputs }, (_, i) => [VIDIOC_S_OUTPUT, i] as const),
  ];
  // What each input and output has of its own; the first one is chosen again at the end.
  for (const [nr, index] of [...places.toReversed()]) {
    await ask(nr, index);
    const prefix = `${nr === VIDIOC_S_INPUT ? 'input' : 'output'} ${index}`;
    const before = new Set(Object.keys(told));
    for (const kind of [VIDIOC_G_STD, VIDIOC_QUERYSTD, VIDIOC_G_DV_TIMINGS, VIDIOC_QUERY_DV_TIMINGS, VIDIOC_DV_TIMINGS_CAP])
      await ask(kind);
    for (const kind of [VIDIOC_ENUMSTD, VIDIOC_ENUM_DV_TIMINGS]) await each((at) => ask(kind, at));
    await ask(VIDIOC_G_FREQUENCY, 0);
    for (const type of [1, 2, 3]) await each((at) => ask(VIDIOC_ENUM_FREQ_BANDS, 0, type, at));
    for (const key of Object.keys(told).filter((key) => !before.has(key))) {
      told[`${prefix}: ${key}`] = told[key] ?? '';
      delete told[key];
    }
  }
  await controls(node, told);
  let id = 0;
  await each(async () => {
    const control = await ask(VIDIOC_QUERYCTRL, (id | V4L2_CTRL_FLAG_NEXT_CTRL) >>> 0);
    if (control === undefined) return undefined;
    id = control.getUint32(0, true);
    const [type, minimum, maximum] = [control.getUint32(4, true), control.getInt32(40, true), control.getInt32(44, true)];
    const items = type === 3 || type === 9 ? Math.min(MAX, maximum - minimum + 1) : 0;
    for (let item = 0; item < items; item++) await ask(VIDIOC_QUERYMENU, id, minimum + item);
    return control;
  });
  for (const { name, nr, size } of IOCTLS.filter(({ nr }) => REFUSED.includes(nr))) {
    const { errno } = await node.ioctl(nr, new Uint8Array(size));
    told[`refused ${name}`] = String(errno);
  }
  return told;
}

/** EDID, frame buffers, EXPBUF, registers: what a proxy has none of. */
export const REFUSED: readonly number[] = [10, 11, 14, 16, 40, 41, 79, 80, 102];

/** Ranges and values of all controls, those with payloads too. */
async function controls(node: AskedNode, told: Record<string, string>): Promise<void> {
  const next = V4L2_CTRL_FLAG_NEXT_CTRL | V4L2_CTRL_FLAG_NEXT_COMPOUND;
  for (let id = 0; ; ) {
    const control = await node.queryExtCtrl((id | next) >>> 0);
    if (control === undefined) return;
    id = control.id;
    told[`control ${control.name}`] = JSON.stringify(control);
    const payload = (control.flags & V4L2_CTRL_FLAG_HAS_PAYLOAD) !== 0;
    const size = payload ? control.elems * control.elemSize : 0;
    // what changes by itself
    if ((control.flags & V4L2_CTRL_FLAG_VOLATILE) !== 0) continue;
    const value = await node.gExtCtrls([{ id, size }]);
    const [result] = value.controls;
    told[`value ${control.name}`] =
      value.errno !== 0 || result === undefined
        ? `errno ${value.errno}`
        : payload
          ? Buffer.from(result.bytes ?? []).toString('hex')
          : String(result.value);
    if (payload) {
      // without room for it
      const small = await node.gExtCtrls([{ id, size: 0 }]);
      told[`small ${control.name}`] = `${small.errno} ${small.errno === Errno.ENOSPC ? small.controls[0]?.size : ''}`;
    }
  }
}
