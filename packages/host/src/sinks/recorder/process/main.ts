// SPDX-License-Identifier: Apache-2.0
/**
 * The process of one recorder. It has memory with pictures that were given to it, what it writes to as descriptor 1, and two sockets to
 * the daemon: no guest, no other file, no network. One recording after another.
 */
import { closeSync } from 'node:fs';
import type { ColourPlane } from '@paravideo/core';
import { type Av, countPicturesAsHeap, loadAv } from '../../../av/node-av.ts';
import { ChildProtocolError } from '../../../isolation/child/child-protocol-error.ts';
import { FIRST_GIVEN_FD } from '../../../isolation/child/descriptors.ts';
import { ParentLink } from '../../../isolation/child/parent-link.ts';
import { bindToParent, enterSandbox } from '../../../isolation/child/sandbox.ts';
import { DATA_BYTES } from '../../../isolation/child/sandbox-limits.ts';
import { Fd, fileSize, MemoryMapping, receive } from '../../../sys/index.ts';
import { type RecorderReport, type RecorderRequest, recorderReports, recorderRequests } from '../recorder-messages.ts';
import { RECORDING_KINDS } from '../recording-kind.ts';
import { FilmWriter } from './film-writer.ts';
import { type RecordedPicture, type RecordingWriter, WriteFault } from './picture-source.ts';
import { Y4mWriter } from './y4m-writer.ts';

/** Where a recording is written to: the encoder's library writes there by itself. */
const OUTPUT_FD = 1;

interface Recording {
  readonly pool: MemoryMapping;
  readonly output: Fd;
  readonly limit: number;
  /** undefined when nothing can be written any more */
  writer: RecordingWriter | undefined;
}

bindToParent(Number(process.argv[2]), 'files');
// A file that is as long as it may be is an error to hear of, not the end.
process.on('SIGXFSZ', () => {});
countPicturesAsHeap();
/** A recording of YUV4MPEG2 needs no library. */
const av: Av | undefined = process.argv[3] === 'film' ? await loadAv() : undefined;
const things = Fd.adopt(FIRST_GIVEN_FD);
const link = new ParentLink((message) => handle(recorderRequests.decode(message)));
let recording: Recording | undefined;
closeSync(OUTPUT_FD);
await enterSandbox({ kind: 'recorder', dataBytes: DATA_BYTES.recorder });

function report(message: RecorderReport): void {
  link.send(recorderReports.encode(message));
}

/** A descriptor that was sent before the message at hand. */
function received(what: string): Fd {
  const got = receive(things, new Uint8Array(1), 1);
  const fd = got === 'again' || got === 'closed' ? undefined : got.fds[0];
  if (fd === undefined) throw new ChildProtocolError(`a recording began without ${what}`);
  return fd;
}

function open(request: RecorderRequest & { kind: 'open' }): void {
  // The lowest number that is free, which nothing else takes meanwhile.
  const output = received('something to write to');
  if (output.number !== OUTPUT_FD) throw new ChildProtocolError(`what is written to became descriptor ${output.number}`);
  const fd = received('memory of pictures');
  const pool = MemoryMapping.map(fd, 0, fileSize(fd), { writable: false });
  fd.close();
  const begun: Recording = { pool, output, limit: request.limit, writer: undefined };
  recording = begun;
  attempt(begun, () => {
    begun.writer = writerOf(request);
  });
}

function writerOf(request: RecorderRequest & { kind: 'open' }): RecordingWriter {
  const { width, height, numerator, denominator, matrix, rest = [] } = request;
  const colours: ColourPlane[] = [];
  for (let i = 0; i + 3 < rest.length; i += 4) {
    const [offset = 0, stride = 0, rows = 0, lineBytes = 0] = rest.slice(i, i + 4);
    colours.push({ buffer: 0, offset, stride, rows, lineBytes });
  }
  const picture: RecordedPicture = {
    width,
    height,
    interval: { numerator, denominator },
    fullRange: request.fullRange === 1,
    matrix,
    colours,
  };
  const { film } = RECORDING_KINDS[request.form] ?? RECORDING_KINDS[0];
  if (film === undefined) return new Y4mWriter(picture);
  if (av === undefined) throw new ChildProtocolError('a film was asked of a recorder without the codec library');
  return new FilmWriter(av, film, picture);
}

/** Does what may fail for the medium's sake: then the recording is over, and the daemon is told so. */
function attempt(on: Recording, work: () => void): void {
  try {
    work();
  } catch (error) {
    if (!(error instanceof WriteFault)) throw error;
    on.writer = undefined;
    report({ kind: 'failed', errno: error.errno });
  }
}

function handle(request: RecorderRequest): void {
  if (request.kind === 'open') return open(request);
  const on = recording;
  if (on === undefined) throw new ChildProtocolError(`${request.kind} without a recording`);
  if (request.kind === 'finish') return finish(on);
  attempt(on, () => on.writer?.write(on.pool.bytes().subarray(request.offset), request.time));
  const bytes = fileSize(on.output);
  report({ kind: 'taken', offset: request.offset, bytes });
  if (on.writer === undefined || bytes <= on.limit) return;
  attempt(on, () => on.writer?.finish());
  on.writer = undefined;
  report({ kind: 'failed', errno: 0 });
}

function finish(on: Recording): void {
  attempt(on, () => on.writer?.finish());
  const bytes = fileSize(on.output);
  on.output.close();
  on.pool[Symbol.dispose]();
  recording = undefined;
  report({ kind: 'finished', bytes });
}

report({ kind: 'ready' });

/** Hears a request, and gives the event loop a turn for the library's finalizers. */
function turn(): void {
  link.exchange(true);
  setImmediate(turn);
}
turn();
