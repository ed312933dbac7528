// SPDX-License-Identifier: Apache-2.0
import { JoinedInputs } from './joined-inputs.ts';
import type { AccessUnit, SplitInput, Splitter } from './splitter.ts';

const SOI = Buffer.from([0xff, 0xd8]);
const EOI = 0xd9;
const SOS = 0xda;
const APP0 = 0xe0;
const AVI1 = Buffer.from('AVI1');

/** Walks from a marker, or from inside entropy-coded data, to behind EOI, or as far as there are bytes. */
function walk(data: Buffer, from: number): { readonly at: number; readonly ended: boolean } {
  let at = from;
  while (at + 1 < data.length) {
    if (data[at] !== 0xff) {
      // Entropy-coded data, or garbage: on to the next marker.
      const next = data.indexOf(0xff, at);
      if (next < 0) return { at: data.length, ended: false };
      at = next;
      continue;
    }
    const marker = data[at + 1] ?? 0;
    if (marker === EOI) return { at: at + 2, ended: true };
    // Stuffed zero, fill byte, restart and TEM have no length.
    if (marker === 0xff) at += 1;
    else if (marker === 0 || marker === 1 || (marker >= 0xd0 && marker <= 0xd8)) at += 2;
    else if (at + 3 >= data.length) break;
    else at += 2 + (marker === SOS ? Math.max(2, data.readUInt16BE(at + 2)) : data.readUInt16BE(at + 2));
  }
  return { at, ended: false };
}

/** What the headers of an image say: which field it is (1: odd lines, counted from 0; 2: even ones; 0: a frame), and its size. */
interface Image {
  readonly field: number;
  readonly width: number;
  readonly height: number;
}

/** Reads the headers of a whole image. The field stands in the APP0 segment of AVI files. */
function describe(image: Buffer): Image {
  let [field, width, height] = [0, 0, 0];
  for (let at = SOI.length; at + 9 < image.length && image[at] === 0xff; ) {
    const marker = image[at + 1] ?? 0;
    if (marker === SOS) break;
    if (marker === 0xff) {
      at += 1;
      continue;
    }
    const body = at + 4;
    if (marker === APP0 && image.subarray(body, body + AVI1.length).equals(AVI1)) field = image[body + AVI1.length] ?? 0;
    // The frame headers, without tables that have numbers between theirs (B.1.1.3).
    if (marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc) {
      height = image.readUInt16BE(body + 1);
      width = image.readUInt16BE(body + 3);
    }
    at += 2 + Math.max(2, image.readUInt16BE(at + 2));
  }
  return { field: field === 1 || field === 2 ? field : 0, width, height };
}

/** Cuts Motion JPEG into frames, of one image or of two fields; what lies between images is dropped. */
export class JpegSplitter implements Splitter {
  /** Whether a picture is one field or the whole frame shows when the next one comes. */
  readonly begun: AccessUnit | undefined = undefined;
  readonly steady = false;
  readonly #inputs = new JoinedInputs();
  /** the first field of a frame */
  #half: { readonly start: number; readonly end: number; readonly image: Image } | undefined;
  /** the image that is being collected, and how far it has been walked */
  #image: { readonly start: number; readonly walked: number } | undefined;

  push(id: number, bytes: Buffer, mayContinue: boolean): SplitInput {
    this.#inputs.add(id, bytes);
    const units: AccessUnit[] = [];
    const found = this.#cut(units, !mayContinue);
    return { units, understood: this.#keep(mayContinue) && found };
  }

  flush(): readonly AccessUnit[] {
    const units: AccessUnit[] = [];
    this.#cut(units, true);
    this.#emitHalf(units);
    this.reset();
    return units;
  }

  reset(): void {
    this.#inputs.clear();
    this.#half = undefined;
    this.#image = undefined;
  }

  /** Finds images; true if there was one, or part of one. `whole`: the last one ends with what is there. */
  #cut(units: AccessUnit[], whole: boolean): boolean {
    const { data } = this.#inputs;
    let found = false;
    for (let next = this.#half?.end ?? 0; ; ) {
      const start = this.#image?.start ?? data.indexOf(SOI, next);
      if (start < 0) return found;
      found = true;
      const { at, ended } = walk(data, this.#image?.walked ?? start + SOI.length);
      if (!ended && !whole) {
        this.#image = { start, walked: at };
        return found;
      }
      this.#image = undefined;
      next = ended ? at : data.length;
      this.#found(units, start, next);
    }
  }

  /** An image is there: a frame, the first field of one, or the second. */
  #found(units: AccessUnit[], start: number, end: number): void {
    const image = describe(this.#inputs.data.subarray(start, end));
    const half = this.#half;
    if (half !== undefined && image.field === 3 - half.image.field && image.height === half.image.height) {
      this.#half = undefined;
      const frame = { width: image.width, height: 2 * image.height, bottomFirst: half.image.field === 1 };
      units.push({ ...this.#unit(half.start, end), frame });
      return;
    }
    this.#emitHalf(units);
    if (image.field !== 0) this.#half = { start, end, image };
    else units.push(this.#unit(start, end));
  }

  /** A field without its other is a picture of its own. */
  #emitHalf(units: AccessUnit[]): void {
    if (this.#half !== undefined) units.push(this.#unit(this.#half.start, this.#half.end));
    this.#half = undefined;
  }

  #unit(start: number, end: number): AccessUnit {
    return { id: this.#inputs.idAt(start), bytes: this.#inputs.data.subarray(start, end) };
  }

  /** Forgets what went out; false, and all is forgotten, if there is too much for one picture: that is no video. */
  #keep(mayContinue: boolean): boolean {
    const { data, length } = this.#inputs;
    // Half of the next image's first marker may be there already.
    const tail = mayContinue && data.at(-1) === SOI[0] ? length - 1 : length;
    const from = this.#half?.start ?? this.#image?.start ?? tail;
    if (!this.#inputs.keepFrom(from)) {
      this.reset();
      return false;
    }
    const half = this.#half;
    if (half !== undefined) this.#half = { ...half, start: half.start - from, end: half.end - from };
    const image = this.#image;
    if (image !== undefined) this.#image = { start: image.start - from, walked: image.walked - from };
    return true;
  }
}
