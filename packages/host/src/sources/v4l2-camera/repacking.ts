// SPDX-License-Identifier: Apache-2.0
import type { PictureLayout } from '@paravideo/core';
import { copyMemory, MemoryMapping, memfd } from '../../sys/index.ts';

/** True if samples lie at the same places. */
export function sameLayout(one: PictureLayout, other: PictureLayout): boolean {
  return (
    one.colours.length === other.colours.length &&
    one.colours.every((plane, i) => {
      const { buffer, offset, stride } = other.colours[i] ?? {};
      return plane.buffer === buffer && plane.offset === offset && plane.stride === stride;
    })
  );
}

/**
 * Memory for the pictures of a driver whose lines have another length than was asked for. It is mapped, and not of this thread's heap:
 * a picture that is out must outlive the thread.
 */
export class Repacking implements Disposable {
  readonly #from: PictureLayout;
  readonly #to: PictureLayout;
  readonly #memory: readonly MemoryMapping[];

  constructor(from: PictureLayout, to: PictureLayout) {
    this.#from = from;
    this.#to = to;
    this.#memory = to.sizes.map(mapped);
  }

  /** The same picture in the other layout; of one that was cut off, the lines that are there. It is valid until the next call. */
  repack(
    planes: readonly { readonly address: number; readonly length: number }[],
  ): readonly { readonly address: number; readonly length: number }[] {
    for (const [i, to] of this.#to.colours.entries()) {
      const from = this.#from.colours[i];
      const source = from && planes[from.buffer];
      const target = this.#memory[to.buffer];
      if (from === undefined || source === undefined || target === undefined) continue;
      const bytes = Math.min(from.lineBytes, to.lineBytes);
      for (let row = 0; row < Math.min(from.rows, to.rows); row++) {
        const at = from.offset + row * from.stride;
        if (at + bytes > source.length) break;
        copyMemory(target.address + to.offset + row * to.stride, source.address + at, bytes);
      }
    }
    return this.#memory.map(({ address, length }) => ({ address, length }));
  }

  /** No picture of it is out any more. */
  [Symbol.dispose](): void {
    for (const memory of this.#memory) memory[Symbol.dispose]();
  }
}

function mapped(length: number): MemoryMapping {
  using fd = memfd('paravideo-camera', length);
  return MemoryMapping.map(fd, 0, length, { writable: true });
}
