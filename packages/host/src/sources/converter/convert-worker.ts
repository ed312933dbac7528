// SPDX-License-Identifier: Apache-2.0
/** The thread that converts frames of trusted sources. It knows pools by address and touches them only between `open` and `close`. */
import { SourceError, V4L2_PIX_FMT_MJPEG } from '@paravideo/core';
import { loadAv } from '../../av/node-av.ts';
import { serveThread } from '../../isolation/worker/index.ts';
import { detach, viewAt } from '../../sys/index.ts';
import type { ConvertAnswer, ConvertRequest } from './convert-messages.ts';
import { JpegMaker } from './jpeg-maker.ts';
import { PictureConverter } from './picture-converter.ts';
import type { PictureMaker } from './picture-maker.ts';

interface OpenConversion {
  readonly maker: PictureMaker;
  readonly pool: Uint8Array<ArrayBuffer>;
}

const av = await loadAv();
const open = new Map<number, OpenConversion>();

function convert(
  { maker, pool }: OpenConversion,
  { from, offset }: ConvertRequest & { kind: 'convert' },
): readonly number[] | undefined {
  const foreign: Uint8Array<ArrayBuffer>[] = [];
  try {
    const planes = from.map((plane) => {
      if (plane.kind === 'bytes') return plane.bytes;
      const view = viewAt(plane.address, plane.length);
      foreign.push(view);
      return view;
    });
    return maker.convert(planes, pool.subarray(offset));
  } finally {
    for (const view of foreign) detach(view);
  }
}

serveThread<ConvertRequest, ConvertAnswer>((request, post) => {
  const { id } = request;
  if (request.kind === 'open') {
    const { from, to, colours, quality, fit, planes, address, length } = request;
    const maker =
      to.fourcc === V4L2_PIX_FMT_MJPEG
        ? new JpegMaker(av, from, to, colours, quality, fit)
        : new PictureConverter(av, from, to, colours, planes, fit);
    open.set(id, { maker, pool: viewAt(address, length) });
    return;
  }
  const conversion = open.get(id);
  if (conversion === undefined) throw new SourceError(`conversion ${id} is not open in the converting thread`);
  if (request.kind === 'convert') {
    post({ kind: 'converted', id, bytes: convert(conversion, request) });
    return;
  }
  open.delete(id);
  conversion.maker[Symbol.dispose]();
  detach(conversion.pool);
  post({ kind: 'closed', id });
});
