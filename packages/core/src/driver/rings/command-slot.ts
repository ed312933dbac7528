// SPDX-License-Identifier: Apache-2.0
import type { GuestBlock } from '../../virtio-device/driver-transport.ts';

/** Bytes of a slot of the slab, and where its parts lie: readable bytes, an indirect table, writable bytes. */
export const SLOT_BYTES = 4096;
/** readable bytes that a slot of the slab has room for */
export const SLOT_READ_ROOM = 1920;
/** writable bytes that a slot of the slab has room for */
export const SLOT_WRITE_ROOM = 2048;
const TABLE_BYTES = 128;

/** A range whose length changes from command to command, so that no command makes new objects. */
interface ReusedRange {
  address: number;
  length: number;
}

/** Guest memory for one command: made once, used again and again. */
export class CommandSlot {
  readonly address: number;
  readonly read: Uint8Array;
  readonly readView: DataView;
  readonly write: Uint8Array;
  readonly writeView: DataView;
  readonly table: ReusedRange;
  readonly #plainRead: ReusedRange[];
  readonly #plainWrite: ReusedRange[];
  readonly #sharedRead: ReusedRange[];
  readonly #sharedWrite: ReusedRange[];
  readonly #writeAddress: number;
  #shared = 0;

  /** A slot at `offset` of `block` with room for `readRoom` and `writeRoom` bytes, multiples of 16. */
  constructor(block: GuestBlock, offset = 0, readRoom = SLOT_READ_ROOM, writeRoom = SLOT_WRITE_ROOM) {
    this.address = block.address + offset;
    this.#writeAddress = this.address + readRoom + TABLE_BYTES;
    const part = (at: number, length: number): Uint8Array => block.bytes.subarray(offset + at, offset + at + length);
    this.read = part(0, readRoom);
    this.write = part(readRoom + TABLE_BYTES, writeRoom);
    this.readView = new DataView(this.read.buffer, this.read.byteOffset, readRoom);
    this.writeView = new DataView(this.write.buffer, this.write.byteOffset, writeRoom);
    this.table = { address: this.address + readRoom, length: TABLE_BYTES };
    this.#plainRead = [{ address: this.address, length: 0 }];
    this.#plainWrite = [{ address: this.#writeAddress, length: 0 }];
    this.#sharedRead = [
      { address: this.address, length: 16 },
      { address: this.address + 16, length: 0 },
    ];
    this.#sharedWrite = [
      { address: this.#writeAddress, length: 8 },
      { address: this.address + 16, length: 0 },
    ];
  }

  /** Bytes of guest memory that a slot with these rooms takes. */
  static bytes(readRoom: number, writeRoom: number): number {
    return readRoom + TABLE_BYTES + writeRoom;
  }

  /** Readable ranges for `length` bytes. Call `writable` after it. */
  readable(length: number, shared: boolean): readonly ReusedRange[] {
    if (!shared || length <= 16) {
      (this.#plainRead[0] as ReusedRange).length = length;
      return this.#plainRead;
    }
    (this.#sharedRead[1] as ReusedRange).length = length - 16;
    return this.#sharedRead;
  }

  /** Writable ranges for `length` bytes; `shared`: the payload comes back in the memory in which it was sent. */
  writable(length: number, shared: boolean): readonly ReusedRange[] {
    this.#shared = shared && length > 8 ? length - 8 : 0;
    if (length === 0) return [];
    if (this.#shared === 0) {
      (this.#plainWrite[0] as ReusedRange).length = length;
      return this.#plainWrite;
    }
    (this.#sharedWrite[1] as ReusedRange).length = length - 8;
    return this.#sharedWrite;
  }

  /** Puts an answer that came back in shared memory where `write` has it otherwise. */
  collect(): void {
    if (this.#shared > 0) this.write.set(this.read.subarray(16, 16 + this.#shared), 8);
  }
}
