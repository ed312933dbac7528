// SPDX-License-Identifier: Apache-2.0
/** A converting thread that dies of a frame without planes, and makes no pictures otherwise. */
import { SourceError } from '@paravideo/core';
import { serveThread } from '../../../isolation/worker/index.ts';
import type { ConvertAnswer, ConvertRequest } from '../convert-messages.ts';

const open = new Set<number>();

serveThread<ConvertRequest, ConvertAnswer>((request, post) => {
  const { id } = request;
  if (request.kind === 'open') open.add(id);
  else if (!open.has(id)) throw new SourceError(`conversion ${id} was not announced to this thread`);
  else if (request.kind === 'close') post({ kind: 'closed', id });
  else if (request.from.length === 0) throw new SourceError('the thread was made to die');
  else post({ kind: 'converted', id, bytes: [1] });
});
