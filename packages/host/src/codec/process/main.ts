// SPDX-License-Identifier: Apache-2.0
/**
 * The codec process of one guest. It has the guest's arena, a socket to the daemon, and nothing else: no file, no network,
 * no guest RAM. Whoever takes it over with a bitstream owns the pictures of that one guest, and may send numbers.
 */

import { AvError } from '../../av/av-error.ts';
import { countPicturesAsHeap, loadAv } from '../../av/node-av.ts';
import { openVideoDecoder, VIDEO_CODECS } from '../../av/video-codecs.ts';
import { ChildProtocolError } from '../../isolation/child/child-protocol-error.ts';
import { FIRST_GIVEN_FD } from '../../isolation/child/descriptors.ts';
import { ParentLink } from '../../isolation/child/parent-link.ts';
import { bindToParent, enterSandbox } from '../../isolation/child/sandbox.ts';
import { DATA_BYTES } from '../../isolation/child/sandbox-limits.ts';
import { Fd, fileSize, MemoryMapping } from '../../sys/index.ts';
import { type CodecReport, type CodecRequest, reports, requests } from '../codec-messages.ts';
import { readLayout } from '../layout-numbers.ts';
import { StreamDecoder, type StreamHost } from './stream-decoder.ts';

/** Milliseconds of work after which reports are sent and requests heard at the latest. */
const TURN = 8;

bindToParent(Number(process.argv[2]));
countPicturesAsHeap();
const av = await loadAv();
const arenaFd = Fd.adopt(FIRST_GIVEN_FD);
const arena = MemoryMapping.map(arenaFd, 0, fileSize(arenaFd), { writable: true }).bytes();
arenaFd.close();
// What is loaded on first use is loaded now: afterwards no file can be opened.
for (const codec of VIDEO_CODECS) openVideoDecoder(av, codec, 2).freeContext();

const streams = new Map<number, StreamDecoder>();
const link = new ParentLink((message) => handle(requests.decode(message)));

/**
 * One round: decodes for up to TURN ms, exchanges messages with the daemon and schedules the next round. The event loop runs
 * between rounds only so that node-av's finalizers run. A process without work sleeps in the exchange. Each exchange wakes the
 * daemon, which wakes the guest: while a stream has enough input and free buffers, several pictures share one exchange.
 */
function turn(): void {
  const until = performance.now() + TURN;
  let busy = true;
  let awaited = false;
  while (busy && !awaited && performance.now() < until) {
    busy = false;
    for (const [id, stream] of streams) {
      if (guarded(id, () => stream.step())) busy = true;
      if (stream.awaited) awaited = true;
    }
  }
  for (const stream of streams.values()) stream.exchanged();
  link.exchange(!busy);
  setImmediate(turn);
}

/** Runs `act`. If it throws an AvError, the stream ends and the daemon hears that it broke. */
function guarded(id: number, act: () => boolean): boolean {
  try {
    return act();
  } catch (error) {
    if (!(error instanceof AvError)) throw error;
    streams.get(id)?.[Symbol.dispose]();
    streams.delete(id);
    report({ kind: 'broken', stream: id });
    return true;
  }
}

function report(message: CodecReport): void {
  link.send(reports.encode(message));
}

const host: StreamHost = {
  av,
  bytes: (offset, length) => {
    if (offset < 0 || length < 0 || offset + length > arena.length)
      throw new ChildProtocolError(`${length} bytes at ${offset} are outside the arena`);
    return arena.subarray(offset, offset + length);
  },
  report,
};

function handle(request: CodecRequest): void {
  const id = request.stream;
  if (request.kind === 'open') {
    const codec = VIDEO_CODECS[request.codec];
    if (codec === undefined || streams.has(id)) throw new ChildProtocolError(`stream ${id} cannot be opened`);
    guarded(id, () => {
      streams.set(id, new StreamDecoder(id, codec, request.threads, host));
      return true;
    });
    return;
  }
  if (request.kind === 'ping') {
    report({ kind: 'pong' });
    return;
  }
  const stream = streams.get(id);
  // The stream failed, and the daemon sent this before it heard of it.
  if (stream === undefined) return;
  const rest = request.rest ?? [];
  switch (request.kind) {
    case 'decode':
      stream.push({
        kind: 'data',
        id: request.id,
        offset: request.offset,
        length: request.length,
        mayContinue: request.mayContinue === 1,
      });
      break;
    case 'drain':
      stream.push({ kind: 'drain' });
      break;
    case 'output':
      stream.setOutput(request.serial, readLayout(request, rest));
      break;
    case 'supply': {
      const memory: Uint8Array[] = [];
      for (let i = 0; i + 1 < rest.length; i += 2) memory.push(host.bytes(rest[i] ?? 0, rest[i + 1] ?? 0));
      stream.supply({ id: request.id, memory });
      break;
    }
    case 'flush':
      stream.flush(request.serial);
      report({ kind: 'confirmed', stream: id });
      break;
    case 'recall':
      stream.recall();
      report({ kind: 'confirmed', stream: id });
      break;
    case 'close':
      streams.delete(id);
      stream[Symbol.dispose]();
      report({ kind: 'confirmed', stream: id });
      break;
  }
}

await enterSandbox({ kind: 'codec', dataBytes: DATA_BYTES.codec });
report({ kind: 'ready' });
turn();
