// SPDX-License-Identifier: Apache-2.0
/** Films as FFmpeg's own demultiplexers and decoders read them. */
import { loadAv } from '../src/av/index.ts';

/** What is in a film. */
export interface DecodedFilm {
  readonly width: number;
  readonly height: number;
  /** luma of each picture, without padding */
  readonly luma: readonly Uint8Array[];
  /** of each picture, in seconds */
  readonly times: readonly number[];
}

/** Decodes a film of 8-bit Y'CbCr from its first picture to its last, or so many. */
export async function decodedFilm(path: string, most = Number.POSITIVE_INFINITY): Promise<DecodedFilm> {
  const av = await loadAv();
  const input = new av.FormatContext();
  input.allocContext();
  expectFine(input.openInputSync(path, null, null), `opening ${path}`);
  expectFine(input.findStreamInfoSync(null), `looking at ${path}`);
  const [stream] = input.streams;
  const codec = stream && av.Codec.findDecoder(stream.codecpar.codecId);
  if (!stream || !codec) throw new TypeError(`there is no film in ${path}`);
  const decoder = new av.CodecContext();
  decoder.allocContext3(codec);
  decoder.parametersToContext(stream.codecpar);
  expectFine(decoder.open2Sync(codec, null), 'the decoder');
  const [packet, frame] = [new av.Packet(), new av.Frame()];
  packet.alloc();
  frame.alloc();
  const [luma, times]: [Uint8Array[], number[]] = [[], []];
  const take = (): void => {
    while (decoder.receiveFrameSync(frame) >= 0) {
      const [plane, pitch = 0] = [frame.data?.[0], frame.linesize[0]];
      const rows = Array.from({ length: frame.height }, (_, y) => plane?.subarray(y * pitch, y * pitch + frame.width) ?? []);
      luma.push(Uint8Array.from(rows.flatMap((row) => [...row])));
      times.push((Number(frame.pts) * stream.timeBase.num) / stream.timeBase.den);
      frame.unref();
    }
  };
  while (luma.length < most && input.readFrameSync(packet) >= 0) {
    expectFine(decoder.sendPacketSync(packet), 'a packet');
    packet.unref();
    take();
  }
  decoder.sendPacketSync(null);
  take();
  input.closeInputSync();
  return { width: decoder.width, height: decoder.height, luma, times };
}

/** Peak signal to noise ratio of 8-bit samples, in dB. */
export function psnr(a: Uint8Array, b: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i += 1) sum += ((a[i] ?? 0) - (b[i] ?? 0)) ** 2;
  return sum === 0 ? Number.POSITIVE_INFINITY : 10 * Math.log10((255 ** 2 * a.length) / sum);
}

function expectFine(result: number, what: string): void {
  if (result < 0) throw new TypeError(`${what} failed (${result})`);
}
