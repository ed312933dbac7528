// SPDX-License-Identifier: Apache-2.0
import type { Colorimetry, Fraction, PictureLayout } from '../../picture/index.ts';
import { Errno } from '../../wire/errno.gen.ts';
import type { DriverSession } from '../media/driver-session.ts';
import { layoutOf } from '../media/formats.ts';
import { IoctlError } from '../rings/errors.ts';

/** What a queue of pictures is asked for; what is left out stays as the device has it. */
export interface PictureRequest {
  readonly pixelformat?: number;
  readonly width?: number;
  readonly height?: number;
  /** seconds per frame */
  readonly interval?: Fraction;
}

/** What the device made of it. */
export interface PictureFormat {
  readonly layout: PictureLayout;
  /** undefined where the device has no frame intervals (neither S_PARM nor G_PARM) */
  readonly interval: Fraction | undefined;
  readonly field: number;
  readonly colorimetry: Colorimetry;
}

/** S_FMT and S_PARM. The device adjusts what it cannot do: look at the answer. */
export async function setPictureFormat(session: DriverSession, type: number, request: PictureRequest): Promise<PictureFormat> {
  const { interval, ...wanted } = request;
  const current = await session.gFmt(type);
  const format = await session.sFmt({ ...current, planes: [], ...wanted });
  const { field, colorspace, ycbcrEnc, quantization, xferFunc } = format;
  const colorimetry = { colorspace, ycbcrEnc, quantization, xferFunc };
  return { layout: layoutOf(format), interval: await setFrameInterval(session, type, interval), field, colorimetry };
}

/** Frame intervals are optional: a device may tell them and not let them be changed, or have none. */
async function setFrameInterval(
  session: DriverSession,
  type: number,
  wanted: Fraction | undefined,
): Promise<Fraction | undefined> {
  const absent = (error: unknown): undefined => {
    if (error instanceof IoctlError && (error.errno === Errno.ENOTTY || error.errno === Errno.EINVAL)) return undefined;
    throw error;
  };
  const set = wanted === undefined ? undefined : await session.sParm(type, wanted).catch(absent);
  return (set ?? (await session.gParm(type).catch(absent)))?.timeperframe;
}
