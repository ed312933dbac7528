// SPDX-License-Identifier: Apache-2.0
/**
 * What is played as frames of a V4L2 node of this machine: of v4l2loopback, whose readers see a camera, or of an output of hardware.
 *
 *     silent --a guest plays--> starting --STREAMON--> streaming;   either --trouble--> waiting --a second--> starting
 *
 * The node is open while a guest plays. Which formats it takes is known when it has been open; where what is played is none of them, it is
 * begun again in one that is.
 */
import type { Frame, PlayedPicture } from '@paravideo/core';
import { fourcc } from '@paravideo/core';
import { z } from 'zod';
import { KeptThread } from '../../isolation/worker/index.ts';
import { RAW_FORMATS } from '../../sources/index.ts';
import { findNode } from '../../v4l2/index.ts';
import type { OutputSink, SinkAdapter, SinkParts, SinkPlay } from '../sink-adapter.ts';
import type { NodeAnswer, NodeRequest } from './node-messages.ts';
import { readersFirst } from './readers-first.ts';

/** Milliseconds from trouble to the next try. */
const TRY_EVERY = 1000;

/** See CONFIG.md. */
export interface NodeSinkSettings {
  readonly device: string;
  readonly 'pixel-format'?: string | undefined;
}

interface NodePlay {
  readonly picture: PlayedPicture;
  /** of the start that runs; undefined while there is none */
  id: number | undefined;
  /** frames that the node has room for */
  room: number;
  retry: NodeJS.Timeout | undefined;
}

class NodeSink implements OutputSink {
  readonly #device: string;
  readonly #pinned: readonly number[] | undefined;
  readonly #log: SinkParts['log'];
  readonly #thread: KeptThread<NodeRequest, NodeAnswer>;
  readonly #listeners = new Set<() => void>();
  /** frames that the thread copies, by their number */
  readonly #copying = new Map<number, Frame>();
  /** what the node takes, as far as that is known */
  #formats: readonly number[] = [];
  #play: NodePlay | undefined;
  #next = 1;
  /** the trouble that the log has been told of */
  #trouble: string | undefined;

  constructor({ device, 'pixel-format': format }: NodeSinkSettings, { log }: SinkParts) {
    this.#device = device;
    this.#pinned = format === undefined ? undefined : [fourcc(format)];
    this.#log = log;
    this.#thread = new KeptThread({
      module: './node-worker',
      base: import.meta.url,
      name: 'v4l2-output',
      log,
      message: (answer) => this.#answered(answer),
      died: () => this.#died(),
      restarted: () => {},
    });
  }

  get formats(): readonly number[] {
    return this.#pinned ?? this.#formats;
  }

  watch(again: () => void): Disposable {
    const own = (): void => again();
    this.#listeners.add(own);
    return { [Symbol.dispose]: () => void this.#listeners.delete(own) };
  }

  begin(picture: PlayedPicture): SinkPlay {
    const play: NodePlay = { picture, id: undefined, room: 0, retry: undefined };
    this.#play = play;
    void this.#start(play);
    return {
      wantsFrame: () => play.room > 0,
      frame: (frame) => this.#take(play, frame),
      end: () => this.#end(play),
    };
  }

  /** Tells the log where there is no such node. */
  async look(): Promise<void> {
    if ((await findNode(this.#device)) === undefined) this.#warn(this.#missing);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#play !== undefined) this.#end(this.#play);
    await this.#thread.close();
    this.#letGo();
  }

  get #missing(): string {
    return `there is no device ${this.#device} on this machine: load its driver (modprobe v4l2loopback), or correct \`device\``;
  }

  async #start(play: NodePlay): Promise<void> {
    const path = await findNode(this.#device);
    if (this.#play !== play) return;
    if (path === undefined) return this.#failed(play, this.#missing);
    play.id = this.#next++;
    this.#thread.post({ kind: 'start', id: play.id, path, picture: play.picture });
    this.#mind();
  }

  #failed(play: NodePlay, reason: string): void {
    play.id = undefined;
    play.room = 0;
    this.#warn(reason);
    play.retry = setTimeout(() => void this.#start(play), TRY_EVERY).unref();
  }

  #warn(reason: string): void {
    if (this.#trouble !== reason) this.#log.warn({ node: this.#device, reason }, 'a node does not take what is played');
    this.#trouble = reason;
  }

  #take(play: NodePlay, frame: Frame): void {
    if (play.id === undefined) return;
    const number = this.#next++;
    frame.retain();
    play.room -= 1;
    this.#copying.set(number, frame);
    this.#thread.post({ kind: 'frame', id: play.id, frame: number, planes: frame.planes });
  }

  #end(play: NodePlay): void {
    clearTimeout(play.retry);
    if (play.id !== undefined) this.#thread.post({ kind: 'stop', id: play.id });
    play.id = undefined;
    play.room = 0;
    if (this.#play === play) this.#play = undefined;
    this.#mind();
  }

  #answered(answer: NodeAnswer): void {
    if (answer.kind === 'copied') {
      this.#copying.get(answer.frame)?.release();
      this.#copying.delete(answer.frame);
      return this.#mind();
    }
    const play = this.#play;
    if (play === undefined || play.id !== answer.id) return;
    switch (answer.kind) {
      case 'started':
        play.room = answer.room;
        this.#formats = readersFirst(answer.formats);
        this.#trouble = undefined;
        this.#log.info({ node: this.#device, card: answer.card }, 'what is played goes to a node');
        return;
      case 'room':
        play.room += 1;
        return;
      case 'ended':
        return this.#ended(play, answer);
    }
  }

  /** Another try, at once and in another format if it was the format that was not known to be wrong. */
  #ended(play: NodePlay, { reason, formats = this.#formats }: Extract<NodeAnswer, { kind: 'ended' }>): void {
    const usable = readersFirst(formats);
    const news = usable.join() !== this.#formats.join();
    this.#formats = usable;
    const wrong = usable.length > 0 && !usable.includes(play.picture.layout.fourcc);
    if (!news || !wrong || this.#pinned !== undefined) return this.#failed(play, reason);
    play.id = undefined;
    for (const listener of [...this.#listeners]) listener();
  }

  #died(): void {
    this.#letGo();
    const play = this.#play;
    if (play?.id !== undefined) this.#failed(play, 'the thread of the node died');
  }

  #letGo(): void {
    for (const frame of this.#copying.values()) frame.release();
    this.#copying.clear();
  }

  /** The process stays alive while the thread has something to do. */
  #mind(): void {
    this.#thread.busy = this.#play !== undefined || this.#copying.size > 0;
  }
}

/** A V4L2 node of this machine, by its path, or a name or serial number as `findNode` takes them. */
export const nodeSinkAdapter: SinkAdapter<NodeSinkSettings> = {
  kind: 'device',
  settings: z.strictObject({
    device: z.string().min(1),
    'pixel-format': z
      .string()
      .regex(/^[ -~]{4}$/, 'must be a format of V4L2 by its four characters, such as YUYV')
      .refine((code) => RAW_FORMATS.includes(fourcc(code)), 'is none that can be made here')
      .optional(),
  }),
  open: async (settings, parts) => {
    const sink = new NodeSink(settings, parts);
    await sink.look();
    return sink;
  },
};
