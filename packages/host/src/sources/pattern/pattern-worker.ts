// SPDX-License-Identifier: Apache-2.0
/** The thread that renders test patterns. It knows pools by address and touches them only between `open` and `close`. */
import { SourceError } from '@paravideo/core';
import { serveThread } from '../../isolation/worker/index.ts';
import { detach, viewAt } from '../../sys/index.ts';
import { PatternRenderer } from './renderer.ts';
import type { PatternAnswer, PatternRequest } from './worker-messages.ts';

type OpenRequest = Extract<PatternRequest, { kind: 'open' }>;

class WorkerRendition {
  readonly renderer: PatternRenderer;
  readonly #view: Uint8Array<ArrayBuffer>;
  readonly #planes: OpenRequest['planes'];
  readonly #slots = new Map<number, readonly Uint8Array[]>();

  constructor({ layout, matrix, subject, address, length, planes }: OpenRequest) {
    this.renderer = new PatternRenderer(layout, matrix, subject);
    this.#view = viewAt(address, length);
    this.#planes = planes;
  }

  slot(offset: number): readonly Uint8Array[] {
    let views = this.#slots.get(offset);
    if (views === undefined) {
      views = this.#planes.map((plane) => this.#view.subarray(offset + plane.offset, offset + plane.offset + plane.length));
      this.#slots.set(offset, views);
    }
    return views;
  }

  close(): void {
    detach(this.#view);
  }
}

const open = new Map<number, WorkerRendition>();

serveThread<PatternRequest, PatternAnswer>((request, post) => {
  const { id } = request;
  if (request.kind === 'open') {
    open.set(id, new WorkerRendition(request));
    return;
  }
  const rendition = open.get(id);
  if (rendition === undefined) throw new SourceError(`rendition ${id} is not open in the pattern worker`);
  if (request.kind === 'render') {
    rendition.renderer.render(rendition.slot(request.offset), request.moment, request.settings);
    post({ kind: 'rendered', id });
  } else {
    rendition.close();
    open.delete(id);
    post({ kind: 'closed', id });
  }
});
