// SPDX-License-Identifier: Apache-2.0
/** Chains of any shape, for conformance checks: what a driver may do, though this one does not. */
import type { GuestRange } from '../../ports/buffer-memory.ts';
import type { DriverTransport, GuestBlock } from '../../virtio-device/driver-transport.ts';
import { virtio_media_resp_header } from '../../wire/media/virtio-media.ts';

/** A chain to send. */
export interface RawRequest {
  /** the readable part, all of it */
  readonly readable: Uint8Array;
  /** bytes of the writable part; 0 for none */
  readonly writable: number;
  /** lengths of the first readable descriptors; the rest is one more. Each lies in a place of its own. */
  readonly readSplit?: readonly number[];
  /** the same for the writable part */
  readonly writeSplit?: readonly number[];
  /** through an indirect table; default: if the ring has the feature */
  readonly indirect?: boolean;
  /** from these offsets on, the readable and the writable part are the same memory, as the Linux driver has it */
  readonly shared?: { readonly readable: number; readonly writable: number };
  /** value of all writable bytes before the device writes; default 0xa5; shared bytes keep what they carry */
  readonly fill?: number;
}

/** What came back. */
export interface RawReply {
  /** used length, as the device gave it */
  readonly used: number;
  /** `status` of the response header; undefined if fewer than 8 bytes are used */
  readonly status: number | undefined;
  /** the whole writable part, also what lies beyond the used length */
  readonly bytes: Uint8Array;
}

/** A chain in guest memory. */
export interface RawChain {
  readonly block: GuestBlock;
  readonly readable: readonly GuestRange[];
  readonly writable: readonly GuestRange[];
  readonly table: GuestRange;
  reply(used: number): RawReply;
}

const GAP = 32;
const DESCRIPTOR_BYTES = 16;

/** Lays a chain out in fresh guest memory. */
export function buildRaw(transport: DriverTransport, request: RawRequest): RawChain {
  const reads = pieces(request.readable.length, request.readSplit ?? []);
  const writes = pieces(request.writable, request.writeSplit ?? []);
  const shared = request.shared;
  const overlap =
    shared === undefined ? 0 : Math.max(request.readable.length - shared.readable, request.writable - shared.writable, 0);
  const tableBytes = (reads.length + writes.length + 4) * DESCRIPTOR_BYTES;
  const room = request.readable.length + request.writable + overlap + (reads.length + writes.length + 4) * (GAP + 16);
  const block = transport.allocate(tableBytes + room);
  let next = tableBytes;
  const place = (length: number): number => {
    const at = next;
    // Descriptors are neither neighbours nor aligned alike: whoever reads on past one of them reads rubbish.
    next += length + GAP + (next % 7);
    return at;
  };
  const common = overlap > 0 ? place(overlap) : 0;
  const lay = (list: readonly ChainPiece[], from: number | undefined): PlacedPiece[] =>
    list.flatMap(({ start, length }): PlacedPiece[] => {
      if (from === undefined || start + length <= from) return [{ start, length, at: place(length) }];
      if (start >= from) return [{ start, length, at: common + start - from }];
      const head = from - start;
      return [
        { start, length: head, at: place(head) },
        { start: from, length: length - head, at: common },
      ];
    });
  const readable = lay(reads, shared?.readable);
  const writable = lay(writes, shared?.writable);
  const fill = request.fill ?? 0xa5;
  for (const piece of writable) block.bytes.fill(fill, piece.at, piece.at + piece.length);
  for (const piece of readable) block.bytes.set(request.readable.subarray(piece.start, piece.start + piece.length), piece.at);
  const range = ({ at, length }: PlacedPiece): GuestRange => ({ address: block.address + at, length });
  return {
    block,
    readable: readable.map(range),
    writable: writable.map(range),
    table: { address: block.address, length: tableBytes },
    reply: (used) => {
      const bytes = new Uint8Array(request.writable);
      for (const piece of writable) bytes.set(block.bytes.subarray(piece.at, piece.at + piece.length), piece.start);
      const status =
        used >= virtio_media_resp_header.size && bytes.length >= virtio_media_resp_header.size
          ? virtio_media_resp_header.fields.status.get(new DataView(bytes.buffer), 0)
          : undefined;
      return { used, status, bytes };
    },
  };
}

interface ChainPiece {
  readonly start: number;
  readonly length: number;
}

interface PlacedPiece extends ChainPiece {
  readonly at: number;
}

function pieces(total: number, split: readonly number[]): ChainPiece[] {
  const list: ChainPiece[] = [];
  let start = 0;
  for (const length of split) {
    const piece = Math.min(length, total - start);
    if (piece <= 0) break;
    list.push({ start, length: piece });
    start += piece;
  }
  if (start < total) list.push({ start, length: total - start });
  return list;
}
