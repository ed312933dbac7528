// SPDX-License-Identifier: Apache-2.0
/** The thread that converts frames of trusted sources. It knows pools by address and touches them only between `open` and `close`. */
import { SourceError } from '@paravideo/core';
import { loadAv } from '../../av/node-av.ts';
import { serveThread } from '../../isolation/worker/index.ts';
import { detach, viewAt } from '../../sys/index.ts';
import type { ConvertAnswer, ConvertRequest } from './convert-messages.ts';
import { PictureConverter } from './picture-converter.ts';

interface OpenConversion {
  readonly converter: PictureConverter;
  readonly pool: Uint8Array<ArrayBuffer>;
}

const av = await loadAv();
const open = new Map<number, OpenConversion>();

function convert({ converter, pool }: OpenConversion, { from, offset }: ConvertRequest & { kind: 'convert' }): boolean {
  const foreign: Uint8Array<ArrayBuffer>[] = [];
  try {
    const planes = from.map((plane) => {
      if (plane.kind === 'bytes') return plane.bytes;
      const view = viewAt(plane.address, plane.length);
      foreign.push(view);
      return view;
    });
    return converter.convert(planes, pool.subarray(offset));
  } finally {
    for (const view of foreign) detach(view);
  }
}

serveThread<ConvertRequest, ConvertAnswer>((request, post) => {
  const { id } = request;
  if (request.kind === 'open') {
    const { from, to, matrix, planes, address, length } = request;
    open.set(id, { converter: new PictureConverter(av, from, to, matrix, planes), pool: viewAt(address, length) });
    return;
  }
  const conversion = open.get(id);
  if (conversion === undefined) throw new SourceError(`conversion ${id} is not open in the converting thread`);
  if (request.kind === 'convert') {
    post({ kind: 'converted', id, made: convert(conversion, request) });
    return;
  }
  open.delete(id);
  conversion.converter[Symbol.dispose]();
  detach(conversion.pool);
  post({ kind: 'closed', id });
});
