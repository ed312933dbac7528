// SPDX-License-Identifier: Apache-2.0
/**
 * One program that sends frames, from its first byte to its end.
 *
 *     header --frame--> pixels --all--> whole --taken--> header
 *       ^  `--nobody may have it yet--> (stalled) <--not taken--'
 *       |                                    |
 *       `------------- resume ---------------'         end of stream, fault, silence, close --> ended, from anywhere
 *
 * Its bytes are read in pieces: few for each turn of the event loop, and for a small share of the loop's time. Between pictures
 * no more is read than the header; pixels go straight to where the frame is to lie, or nowhere.
 */
import type { Clock } from '@paravideo/core';
import { PASSING, SysError, watch } from '../../sys/index.ts';
import type { FrameWriter } from './frame-writer.ts';
import type { FrameStart, HeaderReader } from './header-reader.ts';
import { ProducerFault } from './producer-fault.ts';
import type { RawPicture } from './raw-picture.ts';
import { ReadShare } from './read-share.ts';
import type { StreamInput } from './stream-input.ts';

/** Bytes of one turn of the event loop at most. */
export const BYTES_PER_TURN = 512 * 1024;
/** Milliseconds after which a turn reads no more. */
const TURN_MILLISECONDS = 0.5;
/** Microseconds in which the next byte of a header, or of a frame, that has begun has to come. */
export const SILENCE_LIMIT = 10_000_000;

/** Who gets the frames. */
export interface FrameReceiver {
  /** The frames are of this picture from now on. Throws `ProducerFault` for one change too many. */
  picture(picture: RawPicture): void;
  /** Where a frame goes whose first byte came at `arrival`: undefined is nowhere; 'later' is to be asked again by `resume`. */
  begin(frame: FrameStart, arrival: number): FrameWriter | undefined | 'later';
  /** All bytes of a frame are there. False is to be told again by `resume`. */
  whole(writer: FrameWriter): boolean;
  /** The producer ended in the middle of it. */
  broken(writer: FrameWriter): void;
}

/** How a producer ended. */
export interface ProducerEnd {
  readonly reason: string;
  /** it sent what cannot be, or was silent in the middle */
  readonly fault: boolean;
  /** whole frames that it had sent */
  readonly frames: number;
}

type ProducerState =
  | { readonly kind: 'header' }
  | { readonly kind: 'frame'; readonly start: FrameStart }
  | { readonly kind: 'pixels'; readonly writer: FrameWriter | undefined; left: number }
  | { readonly kind: 'whole'; readonly writer: FrameWriter | undefined }
  | { readonly kind: 'ended' };

/** See the top of the file. It owns the input. */
export class Producer implements Disposable {
  readonly #input: StreamInput;
  readonly #reader: HeaderReader;
  readonly #receiver: FrameReceiver;
  readonly #clock: Clock;
  readonly #ended: (end: ProducerEnd) => void;
  readonly #share = new ReadShare();
  #state: ProducerState = { kind: 'header' };
  #watching: Disposable | undefined;
  #pause: NodeJS.Timeout | undefined;
  #stalled = false;
  /** when the first byte of the header came that is read now */
  #arrival = 0;
  /** when the last byte came */
  #heardAt = 0;
  #silence: Disposable | undefined;
  #frames = 0;
  #known = false;

  /** @param ended called once, unless it is disposed of before */
  constructor(o: {
    readonly input: StreamInput;
    readonly reader: HeaderReader;
    readonly receiver: FrameReceiver;
    readonly clock: Clock;
    readonly ended: (end: ProducerEnd) => void;
  }) {
    this.#input = o.input;
    this.#reader = o.reader;
    this.#receiver = o.receiver;
    this.#clock = o.clock;
    this.#ended = o.ended;
    try {
      this.#listen();
    } catch (error) {
      this.#input.close();
      throw error;
    }
  }

  /** True once it has said what its frames are. */
  get known(): boolean {
    return this.#known;
  }

  /** Whole frames that it has sent. */
  get frames(): number {
    return this.#frames;
  }

  /** Goes on where somebody would not take a frame yet, if he does now. */
  resume(): void {
    if (!this.#stalled) return;
    this.#stalled = false;
    this.#pump();
    if (!this.#stalled && this.#pause === undefined && this.#state.kind !== 'ended') this.#listen();
  }

  /** Ends it without a word. */
  [Symbol.dispose](): void {
    if (this.#state.kind === 'ended') return;
    if ('writer' in this.#state && this.#state.writer !== undefined) this.#receiver.broken(this.#state.writer);
    this.#state = { kind: 'ended' };
    this.#watching?.[Symbol.dispose]();
    this.#silence?.[Symbol.dispose]();
    clearTimeout(this.#pause);
    this.#input.close();
  }

  #listen(): void {
    this.#watching ??= watch(this.#input.fd, () => this.#pump());
  }

  #deafen(): void {
    this.#watching?.[Symbol.dispose]();
    this.#watching = undefined;
  }

  #pump(): void {
    const begun = performance.now();
    let now = begun;
    try {
      let left = BYTES_PER_TURN;
      // A frame that is whole is handed on in any case: no byte may follow that would wake us.
      for (; (left > 0 && now - begun < TURN_MILLISECONDS) || this.#state.kind === 'whole'; now = performance.now()) {
        const got = this.#step(left);
        if (got === 'closed') return this.#end(this.#lastWords(), this.#inTheMiddle);
        if (got === 'again') break;
        if (got === 'stalled') {
          this.#stalled = true;
          this.#deafen();
          break;
        }
        left -= got;
      }
    } catch (error) {
      if (!(error instanceof ProducerFault || error instanceof SysError)) throw error;
      return this.#end(error.message, true);
    }
    if (this.#state.kind === 'ended') return;
    this.#expect();
    const pause = this.#share.pause(begun, now);
    if (pause > 0 && !this.#stalled) this.#rest(pause);
  }

  /** Reads nothing for so many milliseconds. */
  #rest(pause: number): void {
    this.#deafen();
    this.#pause = setTimeout(() => {
      this.#pause = undefined;
      this.#listen();
    }, pause);
  }

  /** One read, or one step without any; bytes that were read. */
  #step(most: number): number | 'again' | 'closed' | 'stalled' {
    const state = this.#state;
    switch (state.kind) {
      case 'header':
        return this.#readHeader();
      case 'frame': {
        const writer = this.#receiver.begin(state.start, this.#arrival);
        if (writer === 'later') return 'stalled';
        this.#state = { kind: 'pixels', writer, left: state.start.bytes };
        return 0;
      }
      case 'pixels':
        return this.#readPixels(state, Math.min(most, state.left));
      case 'whole':
        if (state.writer !== undefined && !this.#receiver.whole(state.writer)) return 'stalled';
        this.#frames += 1;
        this.#state = { kind: 'header' };
        return 0;
      case 'ended':
        return 'again';
    }
  }

  #readHeader(): number | 'again' | 'closed' {
    const got = this.#input.read([{ address: PASSING.address, length: this.#reader.wants }]);
    if (typeof got === 'string') return got;
    this.#heardAt = this.#clock.now();
    if (!this.#reader.half) this.#arrival = this.#heardAt;
    const found = this.#reader.take(PASSING.bytes.subarray(0, got));
    if (found === undefined) return got;
    this.#known = true;
    this.#receiver.picture(found.picture);
    if (found.kind === 'frame' && this.#state.kind !== 'ended') this.#state = { kind: 'frame', start: found };
    return got;
  }

  #readPixels(state: Extract<ProducerState, { kind: 'pixels' }>, most: number): number | 'again' | 'closed' {
    const { writer } = state;
    const nowhere = [{ address: PASSING.address, length: Math.min(most, PASSING.length) }];
    const got = this.#input.read(writer === undefined ? nowhere : writer.next(most));
    if (typeof got === 'string') return got;
    this.#heardAt = this.#clock.now();
    writer?.advance(got);
    state.left -= got;
    if (state.left === 0) this.#state = { kind: 'whole', writer };
    return got;
  }

  get #inTheMiddle(): boolean {
    return this.#state.kind === 'pixels' || (this.#state.kind === 'header' && this.#reader.half);
  }

  #lastWords(): string {
    return this.#inTheMiddle ? 'it ended in the middle of a frame' : 'it has ended';
  }

  /** What has begun has to go on. */
  #expect(): void {
    if (!this.#inTheMiddle || this.#stalled || this.#silence !== undefined) return;
    this.#silence = this.#clock.at(this.#heardAt + SILENCE_LIMIT, () => {
      this.#silence = undefined;
      if (this.#pause === undefined && this.#inTheMiddle && this.#clock.now() - this.#heardAt >= SILENCE_LIMIT) {
        // The daemon itself may have stood still: what came meanwhile counts.
        const heardAt = this.#heardAt;
        this.#pump();
        if (this.#heardAt === heardAt && this.#inTheMiddle)
          return this.#end(`it was silent for ${SILENCE_LIMIT / 1e6} s in the middle of a frame`, true);
      }
      this.#expect();
    });
  }

  #end(reason: string, fault: boolean): void {
    if (this.#state.kind === 'ended') return;
    this[Symbol.dispose]();
    this.#ended({ reason, fault, frames: this.#frames });
  }
}
