// SPDX-License-Identifier: Apache-2.0
/** A source and its copies as on a host: frames are named by an address, which must never come out again. */
import type { BufferAccess, HeapAccess, PlaneStorage } from '@paravideo/core';
import { SolidSource } from '@paravideo/core/testing';

/** The producer's memory has this address; no reply may hold it. Half of it alone is too common to be looked for. */
export const HOST_ADDRESS = 0x0b_adad_d5e5_50;

/** A copy from host memory as workers do it, with an address instead of bytes; the bytes written are the frame's alone. */
export class AddressAccess implements BufferAccess {
  readonly #inner: HeapAccess;

  constructor(inner: HeapAccess) {
    this.#inner = inner;
  }

  get open(): boolean {
    return this.#inner.open;
  }

  store(from: readonly PlaneStorage[], to: Parameters<BufferAccess['store']>[1]): Promise<boolean> {
    const bytes = from.map((plane) =>
      plane.kind === 'bytes' ? plane : ({ kind: 'bytes', bytes: new Uint8Array(plane.length) } as const),
    );
    return this.#inner.store(bytes, to);
  }

  load(...args: Parameters<BufferAccess['load']>): Promise<boolean> {
    return this.#inner.load(...args);
  }

  fetch(...args: Parameters<BufferAccess['fetch']>): Promise<boolean> {
    return this.#inner.fetch(...args);
  }
}

/** A source whose frames are at an address of the host. */
export class AddressSource extends SolidSource {
  override start(...[wanted, consumer]: Parameters<SolidSource['start']>): Disposable {
    return super.start(wanted, {
      wantsFrame: () => consumer.wantsFrame(),
      lost: (reason) => consumer.lost(reason),
      frame: (frame) =>
        consumer.frame({
          ...frame,
          planes: frame.planes.map((plane) => ({
            kind: 'address',
            address: HOST_ADDRESS,
            length: plane.kind === 'bytes' ? plane.bytes.length : plane.length,
          })),
        }),
    });
  }
}
