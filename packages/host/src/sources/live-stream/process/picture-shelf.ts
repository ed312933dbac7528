// SPDX-License-Identifier: Apache-2.0
import type { AvFrame } from '../../../av/node-av.ts';

/** Pictures that wait for their time at most: half a second at 60 a second, and not as many of large ones. */
const MOST = 32;
/** Pixels of all that wait, at most: ten of 4K. */
const MOST_PIXELS = 10 * 3840 * 2160;

/** A picture and when it is shown, microseconds of our clock. */
export interface ShelvedPicture {
  readonly frame: AvFrame;
  readonly sequence: number;
  readonly time: number;
}

/** Decoded pictures until their time comes. */
export class PictureShelf {
  readonly #now: () => number;
  readonly #show: (picture: ShelvedPicture) => void;
  readonly #drop: (frame: AvFrame) => void;
  #pictures: ShelvedPicture[] = [];
  #timer: NodeJS.Timeout | undefined;

  /**
   * @param o.show gets a picture when its time has come
   * @param o.drop gets the frame of every picture when it is done with
   */
  constructor(o: {
    readonly now: () => number;
    readonly show: (picture: ShelvedPicture) => void;
    readonly drop: (frame: AvFrame) => void;
  }) {
    this.#now = o.now;
    this.#show = o.show;
    this.#drop = o.drop;
  }

  /** Microseconds from now to the last of them. */
  get ahead(): number {
    return (this.#pictures.at(-1)?.time ?? 0) - this.#now();
  }

  /** Keeps a picture, later than all others; what there is no room for is shown before its time. */
  put(picture: ShelvedPicture): void {
    this.#pictures.push(picture);
    const { width, height } = picture.frame;
    const most = Math.max(1, Math.min(MOST, Math.floor(MOST_PIXELS / (width * height))));
    while (this.#pictures.length > most) this.#take();
    this.#arm();
  }

  /** Throws away all that wait. */
  clear(): void {
    for (const { frame } of this.#pictures) this.#drop(frame);
    this.#pictures = [];
    this.#arm();
  }

  #arm(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const [first] = this.#pictures;
    if (first === undefined) return;
    const left = first.time - this.#now();
    this.#timer = setTimeout(() => this.#due(), Math.max(0, left / 1000));
  }

  #due(): void {
    const now = this.#now();
    // Of several whose time has come the last is the picture of now.
    while (this.#pictures.length > 1 && (this.#pictures[1]?.time ?? now) <= now) this.#pass();
    if ((this.#pictures[0]?.time ?? Number.POSITIVE_INFINITY) <= now) this.#take();
    this.#arm();
  }

  #take(): void {
    const picture = this.#pictures.shift();
    if (picture === undefined) return;
    this.#show(picture);
    this.#drop(picture.frame);
  }

  #pass(): void {
    const picture = this.#pictures.shift();
    if (picture !== undefined) this.#drop(picture.frame);
  }
}
