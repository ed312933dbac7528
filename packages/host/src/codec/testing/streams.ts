// SPDX-License-Identifier: Apache-2.0
/** For tests: coded files as units, one for each buffer of a client. */
import type { VideoCodec } from '../../av/index.ts';
import { splitterFor } from '../process/access-units.ts';

/** The frames of an IVF file. */
export function ivfFrames(file: Buffer): Buffer[] {
  const frames: Buffer[] = [];
  for (let at = file.readUInt16LE(6); at + 12 <= file.length; ) {
    const size = file.readUInt32LE(at);
    frames.push(file.subarray(at + 12, at + 12 + size));
    at += 12 + size;
  }
  return frames;
}

/** The units of an elementary stream, or of an IVF file. */
export function codedUnits(codec: VideoCodec, file: Buffer): Buffer[] {
  if (file.subarray(0, 4).toString('latin1') === 'DKIF') return ivfFrames(file);
  return splitterFor(codec)
    .push(0, file, false)
    .units.map(({ bytes }) => bytes);
}
