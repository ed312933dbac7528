// SPDX-License-Identifier: Apache-2.0
import { FITS, type Fit } from '@paravideo/core';
import { ChildProtocolError } from '../../isolation/child/child-protocol-error.ts';
import type { FramePool } from '../frame-pool.ts';
import { RAW_PICTURES, rawPicture } from './raw-pictures.ts';

/**
 * The fields of the message that opens a layout in a process that writes pictures; the descriptor of its pool comes over the second socket,
 * in the order of these messages. The list: offset in a slot, stride, rows and bytes of a row, for each colour plane in FFmpeg's
 * order. `fullRange`, `matrix`: what the pictures are to be like; `format` is an index of RAW_PICTURES, `fit` one of FITS.
 */
export const OPEN_FIELDS = ['id', 'format', 'width', 'height', 'fullRange', 'matrix', 'fit', '...planes'] as const;

/** Those fields but the id. */
export interface OpenedLayout {
  readonly format: number;
  readonly width: number;
  readonly height: number;
  readonly fullRange: number;
  readonly matrix: number;
  readonly fit: number;
  readonly rest?: readonly number[];
}

/** What such a message says of a pool's layout. Throws ChildProtocolError for a format that is not one of RAW_FORMATS. */
export function openedLayout({ layout, planes }: FramePool, matrix: number, fit: Fit): OpenedLayout {
  const picture = rawPicture(layout);
  if (picture === undefined) throw new ChildProtocolError(`format ${layout.fourcc} is none that pictures are written in`);
  const rest = picture.colours.flatMap(({ buffer, offset, stride, rows, lineBytes }) => [
    (planes[buffer]?.offset ?? 0) + offset,
    stride,
    rows,
    lineBytes,
  ]);
  return {
    format: RAW_PICTURES.indexOf(picture.name),
    width: layout.width,
    height: layout.height,
    fullRange: picture.fullRange ? 1 : 0,
    matrix,
    fit: FITS.indexOf(fit),
    rest,
  };
}
