// SPDX-License-Identifier: Apache-2.0
/**
 * The daemon's side of a media file: makes the pictures of a `PacedCapture` in the file's process.
 *
 * The film goes on only while somebody watches: a pause of more than a second between two pictures is cut out of it.
 */

import { closeSync } from 'node:fs';
import type { Fit } from '@paravideo/core';
import { type Backoff, ChildProtocolError, DATA_BYTES, KeptChild } from '../../isolation/child/index.ts';
import type { Log } from '../../log/index.ts';
import { type Fd, send, socketpair } from '../../sys/index.ts';
import type { FrameMoment, FramePool, FrameSlot } from '../frame-pool.ts';
import type { FrameRenderer, PictureRendition } from '../paced-capture.ts';
import { openedLayout } from '../scaling/opened-layout.ts';
import { type MediaReport, type MediaRequest, mediaReports, mediaRequests } from './media-messages.ts';
import { unusableText } from './unusable.ts';

/** Deaths of the process, before any has opened the file, after which there is no camera. Later ones are waited out. */
const MAX_DEATHS = 4;
/** Microseconds between pictures that count as watching without a break. */
const MAX_PAUSE = 1_000_000;

/** What the process found in the file. */
export type MediaFileInfo = Omit<Extract<MediaReport, { kind: 'info' }>, 'kind' | 'rest'>;

/** FFmpeg's numbers of Y'CbCr matrices. */
export const AVCOL_SPC_BT709 = 1;
const AVCOL_SPC_SMPTE170M = 6;
/** 709, unspecified, and the two names of 601 */
const KEPT_MATRICES: readonly number[] = [AVCOL_SPC_BT709, 2, 5, AVCOL_SPC_SMPTE170M];

/** The matrix of the pictures: the film's own if V4L2's users will know it, else that of Rec. 601. */
export function filmMatrix(info: Pick<MediaFileInfo, 'matrix'>): number {
  return KEPT_MATRICES.includes(info.matrix) ? info.matrix : AVCOL_SPC_SMPTE170M;
}

interface OpenRendition {
  readonly pool: FramePool;
  readonly pin: Disposable;
  rendering: ((made: boolean) => void) | undefined;
  closing: (() => void) | undefined;
}

export class MediaProcess implements FrameRenderer {
  /** resolves when the file is open; to the reason if it cannot be shown */
  readonly ready: Promise<MediaFileInfo | string>;
  readonly #child: KeptChild;
  readonly #renditions = new Map<number, OpenRendition>();
  readonly #fit: Fit;
  readonly #matrix: number | undefined;
  readonly #found: (info: MediaFileInfo | string) => void;
  #file: number;
  /** a file that is to take the place of that one */
  #next: { readonly file: Fd; readonly found: (info: MediaFileInfo | string) => void } | undefined;
  #pools: { readonly ours: Fd; readonly theirs: Fd } | undefined;
  #info: MediaFileInfo | undefined;
  /** whether the process that runs now has told of the file that it was started with */
  #told = false;
  #nextId = 1;
  #deaths = 0;
  #clock = { at: Number.NEGATIVE_INFINITY, film: 0 };

  /**
   * @param o.file its descriptor, which is owned
   * @param o.matrix FFmpeg's number of the matrix of the pictures; that of the film, if V4L2's users will know it
   */
  constructor(o: { file: number; fit: Fit; matrix?: number; log: Log; backoff?: Backoff; silence?: number }) {
    this.#fit = o.fit;
    this.#matrix = o.matrix;
    this.#file = o.file;
    const { promise, resolve } = Promise.withResolvers<MediaFileInfo | string>();
    this.ready = promise;
    this.#found = resolve;
    this.#child = new KeptChild({
      name: 'media file',
      log: o.log,
      ...(o.backoff === undefined ? {} : { backoff: o.backoff }),
      ...(o.silence === undefined ? {} : { silence: o.silence }),
      working: () =>
        this.#next !== undefined ||
        [...this.#renditions.values()].some(({ rendering, closing }) => (rendering ?? closing) !== undefined),
      script: new URL('./process/main.ts', import.meta.url),
      args: [String(process.pid)],
      fds: () => this.#descriptors(),
      memory: () => [...this.#renditions.values()].reduce((sum, { pool }) => sum + pool.length, DATA_BYTES['media file']),
      greeting: () => {
        const renditions = [...this.#renditions].map(([id, { pool }]) => this.#announce(id, pool));
        return [...renditions, ...this.#announceNext()].map((request) => mediaRequests.encode(request));
      },
      onMessage: (message) => this.#hear(mediaReports.decode(message)),
      onExit: (reason) => this.#died(reason),
    });
  }

  /** Id of the process; undefined while there is none. */
  get pid(): number | undefined {
    return this.#child.pid;
  }

  open(pool: FramePool): PictureRendition {
    const id = this.#nextId;
    this.#nextId += 1;
    const rendition: OpenRendition = { pool, pin: pool.pin(), rendering: undefined, closing: undefined };
    this.#renditions.set(id, rendition);
    this.#child.allow();
    if (this.#running) this.#say(this.#announce(id, pool));
    return {
      render: (slot, moment) => this.#render(id, rendition, slot, moment),
      close: () => this.#close(id, rendition),
    };
  }

  /**
   * Shows another file from now on, if it can be shown; it is owned. Resolves to the reason if it cannot, or if the process died of it;
   * then the one before is shown. Once at a time.
   */
  show(file: Fd): Promise<MediaFileInfo | string> {
    const { promise, resolve } = Promise.withResolvers<MediaFileInfo | string>();
    this.#next = { file, found: resolve };
    if (this.#running) for (const request of this.#announceNext()) this.#say(request);
    return promise;
  }

  async close(): Promise<void> {
    await this.#child.close();
    this.#found('it was closed');
    this.#refuseNext('it was closed');
    for (const [id, rendition] of [...this.#renditions]) this.#forget(id, rendition);
    closeSync(this.#file);
    this.#pools?.ours.close();
    this.#pools?.theirs.close();
  }

  get #running(): boolean {
    return this.#child.incarnation !== undefined;
  }

  #say(request: MediaRequest): void {
    this.#child.send(mediaRequests.encode(request));
  }

  /** A fresh pair of sockets each time: what a dead process has not read is not for the next. */
  #descriptors(): number[] {
    this.#pools?.ours.close();
    this.#pools?.theirs.close();
    const [ours, theirs] = socketpair();
    this.#pools = { ours, theirs };
    return [this.#file, theirs.number];
  }

  /** Sends the descriptor of the file that is to be shown next, and answers the message that belongs to it, if there is one. */
  #announceNext(): MediaRequest[] {
    if (this.#next === undefined || this.#pools === undefined) return [];
    send(this.#pools.ours, new Uint8Array(1), [this.#next.file]);
    return [{ kind: 'next' }];
  }

  #refuseNext(reason: string): void {
    const next = this.#next;
    this.#next = undefined;
    if (next === undefined) return;
    next.file.close();
    next.found(reason);
  }

  /** Sends the pool's descriptor, and answers the message that belongs to it. */
  #announce(id: number, pool: FramePool): MediaRequest {
    const matrix = this.#matrix ?? (this.#info === undefined ? AVCOL_SPC_SMPTE170M : filmMatrix(this.#info));
    const layout = openedLayout(pool, matrix, this.#fit);
    if (this.#pools !== undefined) send(this.#pools.ours, new Uint8Array(1), [pool.fd]);
    return { kind: 'open', id, ...layout };
  }

  #render(id: number, rendition: OpenRendition, slot: FrameSlot, { timestamp, trial }: FrameMoment): Promise<boolean> {
    if (!this.#running) return Promise.resolve(false);
    const { promise, resolve } = Promise.withResolvers<boolean>();
    rendition.rendering = resolve;
    this.#say({ kind: 'render', id, offset: slot.offset, time: this.#film(timestamp, trial === true) });
    return promise;
  }

  /** The time in the film at `timestamp`; for a trial, where it stands. */
  #film(timestamp: number, trial: boolean): number {
    if (trial) return Math.round(this.#clock.film);
    const pause = timestamp - this.#clock.at;
    const film = this.#clock.film + (pause > MAX_PAUSE ? 0 : Math.max(0, pause));
    this.#clock = { at: Math.max(timestamp, this.#clock.at), film };
    return Math.round(film);
  }

  #close(id: number, rendition: OpenRendition): Promise<void> {
    if (!this.#running) {
      this.#forget(id, rendition);
      return Promise.resolve();
    }
    const { promise, resolve } = Promise.withResolvers<void>();
    rendition.closing = resolve;
    this.#say({ kind: 'close', id });
    return promise;
  }

  #hear(report: MediaReport): void {
    switch (report.kind) {
      case 'info':
        this.#hearInfo(report);
        break;
      case 'unusable':
        if (this.#told) return this.#refuseNext(unusableText(report.reason));
        this.#told = true;
        this.#found(unusableText(report.reason));
        // Somebody wrote to the file, or the machine is short of memory: the next process may find it in order.
        if (this.#info !== undefined) throw new ChildProtocolError(`the file cannot be shown: ${unusableText(report.reason)}`);
        break;
      case 'rendered': {
        const rendition = this.#renditions.get(report.id);
        if (rendition?.rendering === undefined) throw new ChildProtocolError(`nobody asked for a picture of layout ${report.id}`);
        this.#rendered(rendition, report.ok === 1);
        break;
      }
      case 'closed': {
        const rendition = this.#renditions.get(report.id);
        if (rendition?.closing === undefined) throw new ChildProtocolError(`nobody closed layout ${report.id}`);
        this.#forget(report.id, rendition);
        break;
      }
    }
  }

  #hearInfo(info: MediaFileInfo): void {
    const { width, height, intervalNumerator, intervalDenominator, aspectNumerator, aspectDenominator } = info;
    if (aspectNumerator < 1 || aspectDenominator < 1) {
      throw new ChildProtocolError(`a film of pixels of ${aspectNumerator}:${aspectDenominator}`);
    }
    if (width < 1 || height < 1 || width > 16384 || height > 16384 || intervalNumerator < 1 || intervalDenominator < 1) {
      throw new ChildProtocolError(
        `a film of ${width}x${height} with intervals of ${intervalNumerator}/${intervalDenominator} s`,
      );
    }
    if (!this.#told) {
      this.#told = true;
      this.#info ??= info;
      return this.#found(info);
    }
    const next = this.#next;
    if (next === undefined) throw new ChildProtocolError('it told of its film twice');
    this.#next = undefined;
    closeSync(this.#file);
    this.#file = next.file.take();
    this.#info = info;
    next.found(info);
  }

  #rendered(rendition: OpenRendition, made: boolean): void {
    const done = rendition.rendering;
    rendition.rendering = undefined;
    done?.(made);
  }

  #forget(id: number, rendition: OpenRendition): void {
    this.#renditions.delete(id);
    rendition.pin[Symbol.dispose]();
    this.#rendered(rendition, false);
    rendition.closing?.();
  }

  #died(reason: string): void {
    this.#deaths += 1;
    this.#told = false;
    this.#refuseNext(`its process died: ${reason}`);
    // The next process begins at the beginning.
    this.#clock = { at: Number.NEGATIVE_INFINITY, film: 0 };
    for (const [id, rendition] of [...this.#renditions]) {
      if (rendition.closing === undefined) this.#rendered(rendition, false);
      else this.#forget(id, rendition);
    }
    if (this.#deaths >= MAX_DEATHS) this.#found(`its process keeps dying: ${reason}`);
  }
}
