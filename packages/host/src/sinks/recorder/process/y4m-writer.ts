// SPDX-License-Identifier: Apache-2.0
import { writeSync } from 'node:fs';
import { type RecordedPicture, type RecordingWriter, rowsOf, WriteFault } from './picture-source.ts';

/** YUV4MPEG2 to descriptor 1. */
export class Y4mWriter implements RecordingWriter {
  readonly #picture: RecordedPicture;

  constructor(picture: RecordedPicture) {
    this.#picture = picture;
    const { width, height, interval, fullRange } = picture;
    const range = fullRange ? 'C420jpeg XCOLORRANGE=FULL' : 'C420mpeg2 XCOLORRANGE=LIMITED';
    put(
      Buffer.from(`YUV4MPEG2 W${width} H${height} F${interval.denominator}:${interval.numerator} Ip A1:1 ${range}\n`, 'latin1'),
    );
  }

  write(slot: Uint8Array): void {
    put(FRAME);
    for (const colour of this.#picture.colours) for (const row of rowsOf(slot, colour)) put(row);
  }

  finish(): void {}
}

const FRAME = Buffer.from('FRAME\n', 'latin1');

/** All of it, however many writes that takes. Throws `WriteFault`. */
function put(bytes: Uint8Array): void {
  try {
    for (let at = 0; at < bytes.length; ) at += writeSync(1, bytes, at);
  } catch (error) {
    throw new WriteFault(Math.abs((error as NodeJS.ErrnoException).errno ?? 5));
  }
}
