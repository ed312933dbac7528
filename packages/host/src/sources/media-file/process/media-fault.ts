// SPDX-License-Identifier: Apache-2.0
import type { Av } from '../../../av/node-av.ts';
import type { UnusableReason } from '../unusable.ts';

/** The file cannot be shown. */
export class MediaFault extends Error {
  override readonly name = 'MediaFault';
  readonly reason: UnusableReason;

  constructor(reason: UnusableReason) {
    super(`the file cannot be shown: ${reason}`);
    this.reason = reason;
  }
}

/** Most boxes that are looked at: files in fragments have thousands, and are usable without their end. */
const MAX_BOXES = 64;

/**
 * True if the file behind descriptor 0 is of the MP4 family and one of its outermost boxes goes on beyond the end of the file:
 * what is left of a copy or recording that was broken off.
 */
export function endsInABox(av: Av): boolean {
  const { AVIO_FLAG_DIRECT, AVIO_FLAG_READ, AVSEEK_SET } = av.constants;
  const io = new av.IOContext();
  // The descriptor stands where its last reader left it. Unbuffered, a seek is one, wherever this context believes to be.
  if (io.open2Sync('fd:', (AVIO_FLAG_READ | AVIO_FLAG_DIRECT) as typeof AVIO_FLAG_READ) < 0) return false;
  try {
    const size = Number(io.sizeSync());
    let at = 0;
    for (let boxes = 0; boxes < MAX_BOXES && at < size; boxes += 1) {
      io.seekSync(BigInt(at), AVSEEK_SET);
      const header = io.readSync(16);
      if (typeof header === 'number' || header.length < 8) return boxes > 0;
      const type = header.toString('latin1', 4, 8);
      if (boxes === 0 ? type !== 'ftyp' : !/^[ -~]{4}$/.test(type)) return false;
      const short = header.readUInt32BE(0);
      const length = short === 1 && header.length === 16 ? Number(header.readBigUInt64BE(8)) : short;
      // 0: to the end of the file.
      if (length < 8) return false;
      at += length;
    }
    return at > size;
  } finally {
    io.closepSync();
  }
}
