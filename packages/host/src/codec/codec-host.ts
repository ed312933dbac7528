// SPDX-License-Identifier: Apache-2.0
import { availableParallelism } from 'node:os';
import type { BufferAccess, Decoder, DecoderEvents, DecoderFactory, HostBuffers } from '@paravideo/core';
import { AV_INSTALL_COMMAND, AvError, avInstalled, VIDEO_CODECS, type VideoCodec } from '../av/index.ts';
import { type Backoff, ChildProtocolError, DATA_BYTES, KeptChild } from '../isolation/child/index.ts';
import type { Log } from '../log/index.ts';
import type { Arena } from '../memory/index.ts';
import { CAPABILITIES } from './capabilities.ts';
import { type CodecReport, type CodecRequest, reports, requests } from './codec-messages.ts';
import type { RemoteHost } from './remote-codec.ts';
import { RemoteDecoder } from './remote-decoder.ts';
import { Staging } from './staging.ts';

/**
 * Milliseconds in which the process must confirm a flush, a recall or a close. It gets most of the 5 s that a guest waits (P1),
 * since a healthy process takes seconds on a machine that has ten times more work than processors.
 */
const CONFIRM_WITHIN = 4000;

/**
 * Nice value of the process's first thread, which copies each finished picture and then feeds the decoder the next unit. While
 * it waits for a processor the decoding threads idle, so it goes before them.
 */
const FEEDING_NICE = 2;

/** Streams of one guest unless told otherwise. */
const DEFAULT_STREAMS = 16;

/** What a codec host is made of. */
export interface CodecHostOptions {
  /** the guest's arena: the process gets it, and nothing else of the guest */
  readonly arena: Pick<Arena, 'fd' | 'mapping'>;
  readonly access: BufferAccess;
  readonly buffers: HostBuffers;
  readonly log: Log;
  /** threads per stream; unless told otherwise as many as there are cores, at most 4 */
  readonly threads?: number | undefined;
  /** streams at a time; another one is refused */
  readonly maxStreams?: number | undefined;
  readonly backoff?: Backoff;
  /** true to start the process with `wake` or the first stream, and not at once */
  readonly lazy?: boolean | undefined;
  /** milliseconds that the process may be silent while it has work; see KeptChild */
  readonly silence?: number | undefined;
  /** another program than the codec process, for tests: the script and its arguments */
  readonly program?: { readonly script: URL; readonly args: readonly string[] };
}

/**
 * The decoders of one guest, in a process of its own. The process is started here, or when it is first needed, and kept
 * warm; when it dies its streams fail, and the next process serves the next streams.
 */
export class CodecHost implements AsyncDisposable {
  readonly factory: DecoderFactory;
  readonly #o: CodecHostOptions;
  readonly #child: KeptChild;
  readonly #streams = new Map<number, RemoteDecoder>();
  readonly #stagings = new Map<number, Staging>();
  /** threads of a stream's decoder; with one it decodes in the process's first */
  readonly #threads: number;
  #next = 1;
  #closed = false;
  /** whether the process that runs now has said that it is ready */
  #ready = false;

  private constructor(o: CodecHostOptions) {
    this.#o = o;
    this.#threads = o.threads ?? Math.min(4, availableParallelism());
    this.#child = new KeptChild({
      name: 'codec',
      log: o.log,
      lazy: o.lazy ?? false,
      ...(o.backoff === undefined ? {} : { backoff: o.backoff }),
      ...(o.program ?? { script: new URL('./process/main.ts', import.meta.url), args: [String(process.pid)] }),
      fds: () => [o.arena.fd.number],
      memory: () => DATA_BYTES.codec + o.arena.mapping.length,
      ...(this.#threads > 1 ? { nice: FEEDING_NICE } : {}),
      onMessage: (message) => this.#hear(reports.decode(message)),
      ...(o.silence === undefined ? {} : { silence: o.silence }),
      working: () => [...this.#streams.values()].some((stream) => stream.working),
      ping: requests.encode({ kind: 'ping', stream: 0 }),
      onExit: (reason) => {
        this.#ready = false;
        for (const stream of [...this.#streams.values()]) void stream.end(`the codec process died: ${reason}`);
      },
    });
    this.factory = { capabilities: CAPABILITIES, create: (codec, events) => this.#create(codec as VideoCodec, events) };
  }

  /** Starts the process, unless it is lazy. Throws AvError (missing), with the install command, without the codec library. */
  static start(o: CodecHostOptions): CodecHost {
    if (!avInstalled())
      throw new AvError('missing', `decoding needs the codec library node-av; install it with: ${AV_INSTALL_COMMAND}`);
    return new CodecHost(o);
  }

  /** Starts the process if it was not started yet: it will be needed soon. */
  wake(): void {
    this.#child.wake();
  }

  /** Id of the codec process; undefined while there is none. */
  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** Streams that are open now. */
  get streams(): number {
    return this.#streams.size;
  }

  /** Ends the process for good; open streams fail. Resolves when nothing is read or written any more. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#child.close();
    await Promise.all([...this.#streams.values()].map((stream) => stream.end('the codec host was closed')));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #create(codec: VideoCodec, events: DecoderEvents): Decoder | undefined {
    if (
      this.#closed ||
      !VIDEO_CODECS.includes(codec) ||
      this.#streams.size >= (this.#o.maxStreams ?? DEFAULT_STREAMS) ||
      !this.#child.usable
    )
      return undefined;
    this.#child.wake();
    const stream = this.#next;
    this.#next += 1;
    const host: RemoteHost = {
      access: this.#o.access,
      arenaAddress: this.#o.arena.mapping.address,
      answering: this.#child.answering,
      send: (request) => this.#send(request),
      watch: (what) => this.#watch(what),
      forget: (id) => {
        this.#streams.delete(id);
        this.#stagings.delete(id);
      },
    };
    const staging = new Staging(this.#o.buffers, () => {
      for (const other of this.#stagings.values()) other.trim();
    });
    const decoder = new RemoteDecoder({ stream, codec, threads: this.#threads, events, host, staging });
    this.#streams.set(stream, decoder);
    this.#stagings.set(stream, staging);
    return decoder;
  }

  #send(request: CodecRequest): void {
    this.#child.send(requests.encode(request));
  }

  #hear(report: CodecReport): void {
    if ((report.kind === 'ready') === this.#ready)
      throw new ChildProtocolError(
        `the codec process says ${report.kind} ${this.#ready ? 'a second time' : 'before it is ready'}`,
      );
    if (report.kind === 'pong') return;
    if (report.kind === 'ready') {
      this.#ready = true;
      for (const stream of this.#streams.values()) stream.ready();
      return;
    }
    const stream = this.#streams.get(report.stream);
    if (stream === undefined)
      throw new ChildProtocolError(`the codec process speaks of stream ${report.stream}, which is not open`);
    stream.hear(report);
    // The process reports a format before it gives pictures, and its decoding threads exist by then.
    if (report.kind === 'format' && this.#threads > 1) this.#child.yieldThreads();
  }

  #watch(what: string): Disposable {
    const { incarnation } = this.#child;
    const timer = setTimeout(() => {
      if (incarnation !== undefined && this.#child.incarnation === incarnation)
        this.#child.kill(`it did not confirm the ${what} within ${CONFIRM_WITHIN} ms`);
    }, CONFIRM_WITHIN);
    return { [Symbol.dispose]: () => clearTimeout(timer) };
  }
}
