// SPDX-License-Identifier: Apache-2.0
/**
 * Streams that are taken up where no whole picture can be decoded: without IDR pictures, and without saying from where on
 * they are whole (a drone's camera refreshes a few macroblocks in each picture, and never all at once). The decoder is
 * told to show what it has, and its word that a picture is damaged is believed until every macroblock goes back to ones
 * that were coded by themselves: motion vectors tell.
 *
 *   fresh --first unit is no entry--> lost --restart--> fresh;   fresh --entry--> found --restart--> fresh
 */
import type { Av, AvFrame, openVideoDecoder } from '../../av/index.ts';
import type { AccessUnit } from './splitter.ts';

type Context = ReturnType<typeof openVideoDecoder>;

const MACROBLOCK = 16;
/** struct AVMotionVector: its size, and where its members are */
const VECTOR = { size: 40, width: 4, height: 5, x: 10, y: 12, motionX: 24, motionY: 28, scale: 32 } as const;
/** Pixels on either side that a place between pixels is computed from (ITU-T H.264 8.4.2.2.1). */
const TAPS = { before: 2, after: 3 } as const;

/** Tells damaged pictures from whole ones. */
export class DamageRecovery {
  readonly #av: Av;
  #state: 'fresh' | 'found' | 'lost' = 'fresh';
  /** macroblocks that do not go back to what is missing; none before the first picture */
  #clean: Uint8Array = new Uint8Array(0);
  #columns = 0;

  constructor(av: Av) {
    this.#av = av;
  }

  /** A unit is about to be decoded. */
  before(unit: AccessUnit, context: Context): void {
    if (this.#state !== 'fresh') return;
    this.#state = unit.entry === false ? 'lost' : 'found';
    if (this.#state === 'lost') this.#showAll(context, true);
  }

  /** True if a picture is damaged, as far as the decoder knows (`corrupt`) and this knows better. */
  damaged(frame: AvFrame, corrupt: boolean): boolean {
    if (this.#state !== 'lost') return corrupt;
    const whole = this.#follow(frame);
    return corrupt && !whole;
  }

  /** Decoding ends; the next unit may be from anywhere. */
  restart(context: Context): void {
    if (this.#state === 'lost') this.#showAll(context, false);
    this.#state = 'fresh';
    this.#clean = new Uint8Array(0);
  }

  #showAll(context: Context, on: boolean): void {
    context.setOption('flags', `${on ? '+' : '-'}output_corrupt`);
    context.setOption('export_side_data', on ? 'mvs' : '0');
  }

  /** Takes over what a picture refers to; true if nothing of it goes back to what is missing. */
  #follow(frame: AvFrame): boolean {
    const c = this.#av.constants;
    const columns = Math.ceil(frame.width / MACROBLOCK);
    const rows = Math.ceil(frame.height / MACROBLOCK);
    const before = this.#columns === columns && this.#clean.length === columns * rows ? this.#clean : undefined;
    this.#columns = columns;
    this.#clean = new Uint8Array(columns * rows);
    // Fields have vectors of their own shape, and concealed macroblocks none: neither makes anything whole.
    if ((frame.flags & c.AV_FRAME_FLAG_INTERLACED) !== 0 || frame.decodeErrorFlags !== 0) return false;
    this.#clean.fill(1);
    const vectors = frame.getSideData(c.AV_FRAME_DATA_MOTION_VECTORS);
    for (let at = 0; vectors !== null && at + VECTOR.size <= vectors.length; at += VECTOR.size) {
      const scale = vectors.readUInt16LE(at + VECTOR.scale) || 1;
      const columnsUsed = reach(
        vectors.readInt16LE(at + VECTOR.x),
        vectors.readUInt8(at + VECTOR.width),
        vectors.readInt32LE(at + VECTOR.motionX) / scale,
        columns,
      );
      const rowsUsed = reach(
        vectors.readInt16LE(at + VECTOR.y),
        vectors.readUInt8(at + VECTOR.height),
        vectors.readInt32LE(at + VECTOR.motionY) / scale,
        rows,
      );
      let clean = before !== undefined;
      for (let row = rowsUsed.first; clean && row <= rowsUsed.last; row += 1) {
        for (let column = columnsUsed.first; clean && column <= columnsUsed.last; column += 1)
          clean = before?.[row * columns + column] === 1;
      }
      if (!clean) this.#clean[rowsUsed.own * columns + columnsUsed.own] = 0;
    }
    return !this.#clean.includes(0);
  }
}

/**
 * Along one side: the macroblock that a block of `length` around `centre` is in, and the first and last of those that it
 * is predicted from. What lies outside the picture repeats its edge.
 */
function reach(centre: number, length: number, motion: number, count: number): { own: number; first: number; last: number } {
  const index = (pixel: number): number => Math.min(Math.max(Math.floor(pixel / MACROBLOCK), 0), count - 1);
  const start = centre - length / 2 + motion;
  const between = !Number.isInteger(motion);
  return {
    own: index(centre),
    first: index(Math.floor(start) - (between ? TAPS.before : 0)),
    last: index(Math.floor(start) + length - 1 + (between ? TAPS.after : 0)),
  };
}
