// SPDX-License-Identifier: Apache-2.0
/** A pattern thread that dies at every picture whose number is a multiple of 3, and makes no pictures otherwise. */
import { SourceError } from '@paravideo/core';
import { serveThread } from '../../../isolation/worker/index.ts';
import type { PatternAnswer, PatternRequest } from '../worker-messages.ts';

const open = new Set<number>();

serveThread<PatternRequest, PatternAnswer>((request, post) => {
  const { id } = request;
  if (request.kind === 'open') open.add(id);
  else if (!open.has(id)) throw new SourceError(`rendition ${id} was not announced to this thread`);
  else if (request.kind === 'close') post({ kind: 'closed', id });
  else if (request.moment.sequence % 3 === 0) throw new SourceError('the thread was made to die');
  else post({ kind: 'rendered', id });
});
