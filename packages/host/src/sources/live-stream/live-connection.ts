// SPDX-License-Identifier: Apache-2.0
/**
 * One connection to a live stream: a process that opens it, shows its pictures, and ends with it. The next connection is another process.
 *
 *     opening --info--> live --fault, silence, death--> ended;   disposed of --> ended, without a word
 */

import { writeSync } from 'node:fs';
import type { Fit } from '@paravideo/core';
import { Child, ChildProtocolError, DATA_BYTES, isolation } from '../../isolation/child/index.ts';
import type { Log } from '../../log/index.ts';
import { type Fd, memfd, send, socketpair } from '../../sys/index.ts';
import type { FramePool, FrameSlot } from '../frame-pool.ts';
import { filmMatrix } from '../media-file/media-process.ts';
import { openedLayout } from '../scaling/opened-layout.ts';
import { liveFaultText } from './live-fault.ts';
import { type LiveReport, type LiveRequest, liveReports, liveRequests } from './live-messages.ts';
import type { LiveInfo } from './live-modes.ts';
import type { LiveOrigin } from './live-origin.ts';

/** Milliseconds in which a stream has to be open. */
const OPEN_WITHIN = 20_000;
/** Milliseconds without a picture after which a stream is over. */
const SILENT_FOR = 10_000;
/** Pictures that the process may have in the making. */
const AHEAD = 3;
/** Pixels of a side. */
const MAX_SIDE = 16384;

/** Who is told. */
export interface LiveReceiver {
  opened(info: LiveInfo): void;
  /** False: the picture is for nobody. */
  wantsFrame(): boolean;
  /** A picture lies in the slot, which is the receiver's from now on. */
  frame(slot: FrameSlot, sequence: number, time: number): void;
  /** It is over by itself. */
  ended(reason: string): void;
}

/** The pictures that are wanted now. */
interface Wanted {
  readonly id: number;
  readonly pool: FramePool;
  readonly slots: Map<number, FrameSlot>;
}

/** See the top of the file. */
export class LiveConnection {
  readonly #receiver: LiveReceiver;
  readonly #child: Child;
  readonly #pools: Fd;
  readonly #fit: Fit;
  /** bytes of private memory that its process may take */
  readonly #memory: number;
  readonly #gone = Promise.withResolvers<void>();
  #state: 'opening' | 'live' | 'ended' = 'opening';
  #info: LiveInfo | undefined;
  #wanted: Wanted | undefined;
  #nextId = 1;
  #frames = 0;
  #silence: NodeJS.Timeout;

  constructor(o: {
    readonly origin: LiveOrigin;
    readonly fit: Fit;
    readonly log: Log;
    readonly receiver: LiveReceiver;
  }) {
    this.#receiver = o.receiver;
    this.#fit = o.fit;
    const { told, files, network } = o.origin;
    this.#memory = DATA_BYTES[told.kind];
    const text = Buffer.from(JSON.stringify(told));
    using settings = memfd('paravideo-stream-settings', text.length);
    writeSync(settings.number, text);
    const [ours, theirs] = socketpair();
    this.#pools = ours;
    this.#child = Child.start({
      script: new URL('./process/main.ts', import.meta.url),
      args: [String(process.pid)],
      fds: [settings.number, theirs.number],
      ...(files && { files }),
      namespaces: isolation().namespaces.filter((name) => name !== 'net' || !network),
      memory: this.#memory,
      // Its first thread shows each picture at its time, as the thread of a camera does.
      nice: 0,
      onMessage: (message) => this.#hear(liveReports.decode(message)),
      onExit: (reason) => this.#exited(reason),
      onText: (said) => o.log.warn({ process: 'live stream', text: said }, 'a child process wrote to stderr'),
    });
    theirs.close();
    this.#silence = setTimeout(() => this.#child.kill(`it was not open within ${OPEN_WITHIN / 1000} s`), OPEN_WITHIN);
  }

  /** Id of the process; undefined while there is none. */
  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** Pictures that were brought to somebody. */
  get frames(): number {
    return this.#frames;
  }

  /** Brings pictures in the layout of the pool, from now on, and in no other. */
  show(pool: FramePool): void {
    if (this.#state !== 'live' || this.#info === undefined) return;
    this.hide();
    const layout = openedLayout(pool, filmMatrix(this.#info), this.#fit);
    const wanted: Wanted = { id: this.#nextId, pool, slots: new Map() };
    this.#nextId += 1;
    this.#wanted = wanted;
    send(this.#pools, new Uint8Array(1), [pool.fd]);
    this.#child.allow(this.#memory + pool.length);
    this.#say({ kind: 'open', id: wanted.id, ...layout });
    this.feed();
  }

  /** Brings none. */
  hide(): void {
    const wanted = this.#wanted;
    if (wanted === undefined) return;
    this.#wanted = undefined;
    for (const slot of wanted.slots.values()) slot.abandon();
    this.#say({ kind: 'close', id: wanted.id });
  }

  /** Gives the process slots that are free: a picture was released. */
  feed(): void {
    const wanted = this.#wanted;
    while (wanted !== undefined && wanted.slots.size < AHEAD) {
      const slot = wanted.pool.take();
      if (slot === undefined) return;
      wanted.slots.set(slot.offset, slot);
      this.#say({ kind: 'slot', id: wanted.id, offset: slot.offset });
    }
  }

  /** Ends it without a word; resolves when nothing of it is left. */
  close(): Promise<void> {
    if (this.#state !== 'ended') {
      this.#end();
      this.#child.kill();
    }
    return this.#gone.promise;
  }

  #say(request: LiveRequest): void {
    this.#child.send(liveRequests.encode(request));
  }

  #hear(report: LiveReport): void {
    if (this.#state === 'ended') return;
    switch (report.kind) {
      case 'info':
        this.#opened(report);
        break;
      case 'frame':
        this.#listenOn();
        this.#frame(report);
        break;
      case 'alive':
        this.#listenOn();
        break;
      case 'fault':
        this.#over(liveFaultText(report.stage, report.code));
        this.#child.kill();
        break;
    }
  }

  #opened(info: LiveInfo): void {
    const { width, height, aspectNumerator, aspectDenominator, intervalNumerator, intervalDenominator } = info;
    if (this.#state !== 'opening') throw new ChildProtocolError('it told of its stream twice');
    const sides = width >= 1 && height >= 1 && width <= MAX_SIDE && height <= MAX_SIDE;
    if (!sides || aspectNumerator < 1 || aspectDenominator < 1 || intervalNumerator < 1 || intervalDenominator < 0) {
      throw new ChildProtocolError(
        `a stream of ${width}x${height}, pixels of ${aspectNumerator}:${aspectDenominator}, ${intervalNumerator}/${intervalDenominator} s`,
      );
    }
    this.#state = 'live';
    this.#info = info;
    this.#listenOn();
    this.#child.yieldThreads();
    this.#child.allow(this.#memory);
    this.#receiver.opened(info);
  }

  #frame({ id, offset, sequence, time }: Extract<LiveReport, { kind: 'frame' }>): void {
    const wanted = this.#wanted;
    // Of a layout that was closed meanwhile.
    if (wanted?.id !== id) return;
    const slot = wanted.slots.get(offset);
    if (slot === undefined || sequence < 0) throw new ChildProtocolError(`a picture at ${offset}, which is not its slot`);
    wanted.slots.delete(offset);
    if (this.#receiver.wantsFrame()) {
      this.#frames += 1;
      this.#receiver.frame(slot, sequence, time);
    } else slot.abandon();
    this.feed();
  }

  #listenOn(): void {
    clearTimeout(this.#silence);
    this.#silence = setTimeout(() => this.#child.kill(`no picture came for ${SILENT_FOR / 1000} s`), SILENT_FOR);
  }

  #exited(reason: string): void {
    this.#over(`its process ended: ${reason}`);
    this.#gone.resolve();
  }

  #over(reason: string): void {
    if (this.#state === 'ended') return;
    this.#end();
    this.#receiver.ended(reason);
  }

  #end(): void {
    clearTimeout(this.#silence);
    this.hide();
    this.#state = 'ended';
    this.#pools.close();
  }
}
