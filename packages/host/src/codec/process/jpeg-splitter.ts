// SPDX-License-Identifier: Apache-2.0
import { JoinedInputs } from './joined-inputs.ts';
import type { AccessUnit, Cut, Splitter } from './splitter.ts';

const SOI = Buffer.from([0xff, 0xd8]);
const EOI = 0xd9;
const SOS = 0xda;

/**
 * Where the JPEG image that begins at `start` ends (ITU-T T.81, B.1): behind its EOI marker. The markers of its segments
 * are walked, so that a preview picture inside one does not count. Undefined if the end is not in `data`.
 */
export function jpegEnd(data: Buffer, start: number): number | undefined {
  let at = start + SOI.length;
  while (at + 1 < data.length) {
    if (data[at] !== 0xff) {
      // Entropy-coded data, or garbage: on to the next marker.
      at = data.indexOf(0xff, at);
      if (at < 0) return undefined;
      continue;
    }
    const marker = data[at + 1] ?? 0;
    if (marker === EOI) return at + 2;
    // Stuffed zero, fill byte, restart and TEM have no length.
    if (marker === 0xff) at += 1;
    else if (marker === 0 || marker === 1 || (marker >= 0xd0 && marker <= 0xd8)) at += 2;
    else if (at + 3 >= data.length) return undefined;
    else at += 2 + (marker === SOS ? Math.max(2, data.readUInt16BE(at + 2)) : data.readUInt16BE(at + 2));
  }
  return undefined;
}

/** Cuts Motion JPEG into images; what lies between them is dropped. */
export class JpegSplitter implements Splitter {
  readonly #inputs = new JoinedInputs();

  push(id: number, bytes: Buffer, mayContinue: boolean): Cut {
    this.#inputs.add(id, bytes);
    return this.#cut(mayContinue);
  }

  flush(): readonly AccessUnit[] {
    return this.#cut(false).units;
  }

  reset(): void {
    this.#inputs.clear();
  }

  #cut(mayContinue: boolean): Cut {
    const { data } = this.#inputs;
    const units: AccessUnit[] = [];
    let found = false;
    let end = 0;
    // Half of the next image's first marker may be there already.
    let rest = data.length - (data.at(-1) === SOI[0] ? 1 : 0);
    for (let start = data.indexOf(SOI); start >= 0; start = data.indexOf(SOI, end)) {
      found = true;
      const stop = jpegEnd(data, start);
      if (stop === undefined && mayContinue) {
        rest = start;
        break;
      }
      end = stop ?? data.length;
      units.push({ id: this.#inputs.idAt(start), bytes: data.subarray(start, end) });
    }
    const kept = mayContinue ? this.#inputs.keepFrom(Math.max(rest, end)) : true;
    if (!mayContinue) this.#inputs.clear();
    return { units, understood: found && kept };
  }
}
