// SPDX-License-Identifier: Apache-2.0
/**
 * The process of one media file. It has the file, memory for pictures that any guest may see, and two sockets to the
 * daemon: no guest, no other file, no network. The file is opened and parsed when the door is already closed.
 */
import { countPicturesAsHeap, loadAv } from '../../../av/node-av.ts';
import { FIRST_GIVEN_FD } from '../../../isolation/child/descriptors.ts';
import { ParentLink } from '../../../isolation/child/parent-link.ts';
import { bindToParent, enterSandbox } from '../../../isolation/child/sandbox.ts';
import { DATA_BYTES } from '../../../isolation/child/sandbox-limits.ts';
import { Fd, type MemoryMapping } from '../../../sys/index.ts';
import type { PictureWriter } from '../../scaling/picture-writer.ts';
import { sentDescriptor, sentPool, sentWriter } from '../../scaling/sent-rendition.ts';
import { type MediaReport, type MediaRequest, mediaReports, mediaRequests } from '../media-messages.ts';
import { UNUSABLE } from '../unusable.ts';
import { MediaFault } from './media-fault.ts';
import { fileAsStandardInput, MediaReader, sentAsStandardInput } from './media-reader.ts';

const THREADS = 2;

interface ProcessRendition {
  readonly pool: MemoryMapping;
  readonly writer: PictureWriter;
}

bindToParent(Number(process.argv[2]));
countPicturesAsHeap();
const av = await loadAv();
fileAsStandardInput(FIRST_GIVEN_FD);
const pools = Fd.adopt(FIRST_GIVEN_FD + 1);
const renditions = new Map<number, ProcessRendition>();
const link = new ParentLink((message) => handle(mediaRequests.decode(message)));
await enterSandbox({ kind: 'media file', dataBytes: DATA_BYTES['media file'] });

function report(message: MediaReport): void {
  link.send(mediaReports.encode(message));
}

function open(request: MediaRequest & { kind: 'open' }): void {
  renditions.set(request.id, { pool: sentPool(pools), writer: sentWriter(av, request) });
}

function handle(request: MediaRequest): void {
  switch (request.kind) {
    case 'next': {
      sentAsStandardInput(sentDescriptor(pools));
      const next = openFile();
      if (next === undefined) break;
      reader?.[Symbol.dispose]();
      reader = next;
      tell(next);
      break;
    }
    case 'open':
      open(request);
      break;
    case 'render': {
      const ok = reader !== undefined && render(reader, request);
      report({ kind: 'rendered', id: request.id, ok: ok ? 1 : 0 });
      break;
    }
    case 'close': {
      const rendition = renditions.get(request.id);
      renditions.delete(request.id);
      rendition?.writer[Symbol.dispose]();
      rendition?.pool[Symbol.dispose]();
      report({ kind: 'closed', id: request.id });
      break;
    }
  }
}

function render(from: MediaReader, { id, offset, time }: MediaRequest & { kind: 'render' }): boolean {
  const { pool, writer } = renditions.get(id) ?? {};
  const frame = from.frameAt(time);
  return pool !== undefined && writer?.write(frame, [pool.bytes().subarray(offset)], from.aspectOf(frame)) === true;
}

function openFile(): MediaReader | undefined {
  try {
    return new MediaReader(av, THREADS);
  } catch (error) {
    if (!(error instanceof MediaFault)) throw error;
    // The daemon ends this process when it has heard of it, or sends another file.
    report({ kind: 'unusable', reason: UNUSABLE.indexOf(error.reason) });
    return undefined;
  }
}

function tell({ info, still }: MediaReader): void {
  const { width, height, aspect, interval, primaries, transfer, matrix } = info;
  report({
    kind: 'info',
    width,
    height,
    aspectNumerator: aspect.num,
    aspectDenominator: aspect.den,
    intervalNumerator: interval.numerator,
    intervalDenominator: interval.denominator,
    primaries,
    transfer,
    matrix,
    still: still ? 1 : 0,
  });
}

let reader = openFile();
if (reader !== undefined) tell(reader);

/** Hears a request, and gives the event loop a turn for the library's finalizers. */
function turn(): void {
  link.exchange(true);
  setImmediate(turn);
}
turn();
