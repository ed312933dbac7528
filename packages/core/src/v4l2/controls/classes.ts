// SPDX-License-Identifier: Apache-2.0
/** Control classes and their headings: a control of type CTRL_CLASS stands before the controls of its class. */
import {
  V4L2_CTRL_CLASS_CAMERA,
  V4L2_CTRL_CLASS_CODEC,
  V4L2_CTRL_CLASS_COLORIMETRY,
  V4L2_CTRL_CLASS_IMAGE_PROC,
  V4L2_CTRL_CLASS_IMAGE_SOURCE,
  V4L2_CTRL_CLASS_JPEG,
  V4L2_CTRL_CLASS_USER,
  V4L2_CTRL_TYPE_CTRL_CLASS,
} from '../../wire/index.ts';
import type { ControlSpec } from './control.ts';

const HEADINGS: ReadonlyMap<number, string> = new Map([
  [V4L2_CTRL_CLASS_USER, 'User Controls'],
  [V4L2_CTRL_CLASS_CODEC, 'Codec Controls'],
  [V4L2_CTRL_CLASS_CAMERA, 'Camera Controls'],
  [V4L2_CTRL_CLASS_JPEG, 'JPEG Compression Controls'],
  [V4L2_CTRL_CLASS_IMAGE_SOURCE, 'Image Source Controls'],
  [V4L2_CTRL_CLASS_IMAGE_PROC, 'Image Processing Controls'],
  [V4L2_CTRL_CLASS_COLORIMETRY, 'Colorimetry Controls'],
]);

/** Class of a control id (V4L2_CTRL_ID2CLASS). */
export function controlClass(id: number): number {
  return (id & 0x0fff0000) >>> 0;
}

/** Ids from here on are private controls of the old kind, without a class (V4L2_CID_PRIVATE_BASE). */
export const FIRST_PRIVATE_CONTROL = 0x0800_0000;

/** The heading of the class of `id`; undefined for a private control, which has no class. */
export function classControl(id: number): ControlSpec | undefined {
  if (id >= FIRST_PRIVATE_CONTROL) return undefined;
  const which = controlClass(id);
  const name = HEADINGS.get(which) ?? 'Other Controls';
  return { id: which | 1, type: V4L2_CTRL_TYPE_CTRL_CLASS, name, minimum: 0, maximum: 0, step: 0, default: 0 };
}
