// SPDX-License-Identifier: Apache-2.0
/**
 * The frames that a running `cam` writes, and its line about each, which follows the frame:
 *
 *     learning --the first line--> pixels --all bytes--> whole --its line--> between --bytes--> pixels
 *                                                      end of stream, silence, a fault, close --> ended, from anywhere
 *
 * How long a frame is, and how its rows lie, is known when the first line has come: the bytes before that go nowhere.
 */
import { stripVTControlCharacters } from 'node:util';
import type { Clock } from '@paravideo/core';
import { type Fd, PASSING, readInto, SysError, watch } from '../../sys/index.ts';
import type { FramePool } from '../frame-pool.ts';
import { FrameWriter, frameBands, printable, ReadShare } from '../raw-frames/index.ts';
import { camStrides } from './cam-strides.ts';
import { type CamFrame, camFrame } from './cam-text.ts';

/** Bytes of one turn of the event loop at most. */
const BYTES_PER_TURN = 512 * 1024;
/** Milliseconds after which a camera that brings nothing has ended. */
export const CAM_SILENCE = 10_000;
/** Bytes of a line at most; of a longer one the beginning. */
const MAX_LINE = 1024;
/** Lines of frames that were told of before their bytes were read, at most: `cam` writes one frame at a time. */
const MAX_LINES = 8;

/** Who gets the frames. */
export interface CamReceiver {
  /** False: the frame whose first byte is here is not for anybody, and only counted. */
  wantsFrame(): boolean;
  /** The bytes of a frame are there; whoever gets it publishes or abandons its slot. */
  frame(writer: FrameWriter, told: CamFrame): void;
  /** Nothing follows. */
  ended(reason: string): void;
}

type CamState =
  | { readonly kind: 'learning'; dropped: number }
  | { readonly kind: 'between' }
  | { readonly kind: 'pixels'; readonly writer: FrameWriter | undefined; left: number }
  | { readonly kind: 'whole'; readonly writer: FrameWriter | undefined }
  | { readonly kind: 'ended' };

/** What all frames have in common. */
interface FrameShape {
  readonly bytes: number;
  readonly bands: ReturnType<typeof frameBands>;
  readonly lengths: string;
}

/** See the top of the file. It owns the descriptor. */
export class CamStream implements Disposable {
  readonly #fd: Fd;
  readonly #pool: FramePool;
  readonly #receiver: CamReceiver;
  readonly #clock: Clock;
  readonly #share = new ReadShare();
  readonly #silence: NodeJS.Timeout;
  #state: CamState = { kind: 'learning', dropped: 0 };
  #shape: FrameShape | undefined;
  /** lines of frames whose bytes were dropped before their length was known */
  #stale = 0;
  #lines: CamFrame[] = [];
  #text = '';
  #lastWords = '';
  #watching: Disposable | undefined;
  #pause: NodeJS.Timeout | undefined;

  constructor(fd: Fd, pool: FramePool, clock: Clock, receiver: CamReceiver) {
    this.#fd = fd;
    this.#pool = pool;
    this.#clock = clock;
    this.#receiver = receiver;
    this.#silence = setTimeout(() => this.#end(`it brought nothing for ${CAM_SILENCE / 1000} s`), CAM_SILENCE);
    this.#listen();
  }

  /** What was said last beside lines of frames, of errors if there were any: why it ended. */
  get lastWords(): string {
    return this.#lastWords;
  }

  /** What was written to stderr, where the lines are. */
  heard(bytes: Uint8Array): void {
    const lines = (this.#text + Buffer.from(bytes).toString('latin1')).split('\n');
    this.#text = (lines.pop() ?? '').slice(0, MAX_LINE);
    for (const line of lines) this.#line(line.slice(0, MAX_LINE));
  }

  /** Ends it without a word. */
  [Symbol.dispose](): void {
    if (this.#state.kind === 'ended') return;
    if ('writer' in this.#state) this.#state.writer?.slot.abandon();
    this.#state = { kind: 'ended' };
    this.#deafen();
    clearTimeout(this.#pause);
    clearTimeout(this.#silence);
    this.#fd.close();
  }

  #line(line: string): void {
    const told = camFrame(line);
    if (this.#state.kind === 'ended') return;
    if (told === undefined) {
      // Colours are for terminals.
      const words = printable(Buffer.from(stripVTControlCharacters(line), 'latin1')).trim();
      if (words !== '' && (/ERROR/.test(words) || !/ERROR/.test(this.#lastWords))) this.#lastWords = words;
      return;
    }
    this.#silence.refresh();
    if (this.#state.kind === 'learning') this.#learn(told, this.#state.dropped);
    else if (told.bytes.join('/') !== this.#shape?.lengths) {
      return this.#end(`a frame of ${told.bytes.join('/')} bytes after ${this.#shape?.lengths}`);
    }
    if (this.#stale > 0) this.#stale -= 1;
    else if (this.#lines.push(told) > MAX_LINES) this.#end('it told of frames that it did not bring');
    this.#finish();
  }

  #learn({ bytes }: CamFrame, dropped: number): void {
    const { layout } = this.#pool;
    const strides = camStrides(layout, bytes);
    const total = bytes.reduce((sum, each) => sum + each, 0);
    if (strides === undefined || total === 0) {
      return this.#end(`a frame of ${bytes.join('/')} bytes is no picture of ${layout.width}x${layout.height}`);
    }
    this.#shape = { bytes: total, bands: frameBands(layout, strides), lengths: bytes.join('/') };
    // This line is of the first frame, and so are lines of others of which the bytes are gone already.
    this.#stale = Math.floor(dropped / total);
    this.#state = { kind: 'pixels', writer: undefined, left: total - (dropped % total) };
    if (dropped > 0 && dropped % total === 0) this.#state = { kind: 'between' };
  }

  /** A frame whose bytes and line are there is handed on. */
  #finish(): void {
    if (this.#state.kind !== 'whole') return;
    const told = this.#lines.shift();
    if (told === undefined) return;
    const { writer } = this.#state;
    this.#state = { kind: 'between' };
    this.#listen();
    if (writer !== undefined) this.#receiver.frame(writer, told);
  }

  #listen(): void {
    if (this.#pause === undefined) this.#watching ??= watch(this.#fd, () => this.#pump());
  }

  #deafen(): void {
    this.#watching?.[Symbol.dispose]();
    this.#watching = undefined;
  }

  #pump(): void {
    const begun = performance.now();
    try {
      let left = BYTES_PER_TURN;
      while (left > 0) {
        const got = this.#step(left);
        if (typeof got !== 'number') break;
        left -= got;
      }
    } catch (error) {
      if (!(error instanceof SysError)) throw error;
      return this.#end(error.message);
    }
    const pause = this.#share.pause(begun, performance.now());
    if (pause === 0 || this.#watching === undefined) return;
    this.#deafen();
    this.#pause = setTimeout(() => {
      this.#pause = undefined;
      if (this.#state.kind !== 'whole' && this.#state.kind !== 'ended') this.#listen();
    }, pause);
  }

  /** One read; the bytes of it, or that no more is to be read now. */
  #step(most: number): number | 'enough' {
    const state = this.#state;
    switch (state.kind) {
      case 'learning': {
        const got = this.#read([{ address: PASSING.address, length: Math.min(most, PASSING.length) }]);
        if (typeof got === 'number') state.dropped += got;
        return got;
      }
      case 'between': {
        const shape = this.#shape;
        if (shape === undefined) return 'enough';
        const slot = this.#receiver.wantsFrame() ? this.#pool.take() : undefined;
        // Its time and number come with its line.
        const writer = slot && new FrameWriter(slot, shape.bands, 0, this.#clock.now());
        this.#state = { kind: 'pixels', writer, left: shape.bytes };
        return 0;
      }
      case 'pixels': {
        const length = Math.min(most, state.left);
        const { writer } = state;
        const got = this.#read(
          writer === undefined ? [{ address: PASSING.address, length: Math.min(length, PASSING.length) }] : writer.next(length),
        );
        if (typeof got !== 'number') return got;
        writer?.advance(got);
        state.left -= got;
        if (state.left > 0) return got;
        this.#state = { kind: 'whole', writer };
        // The next frame may not be wanted as this one was: that is asked when its first byte is there.
        this.#deafen();
        this.#finish();
        return 'enough';
      }
      case 'whole':
      case 'ended':
        return 'enough';
    }
  }

  #read(spans: Parameters<typeof readInto>[1]): number | 'enough' {
    const got = readInto(this.#fd, spans);
    if (got === 'closed') this.#end('it has ended');
    if (typeof got !== 'number') return 'enough';
    this.#silence.refresh();
    return got;
  }

  #end(reason: string): void {
    if (this.#state.kind === 'ended') return;
    this[Symbol.dispose]();
    this.#receiver.ended(reason);
  }
}
