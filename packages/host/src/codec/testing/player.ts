// SPDX-License-Identifier: Apache-2.0
/** For tests: plays coded units through a decoder, the way a stateful client does, and hashes what comes out. */
import { createHash } from 'node:crypto';
import type { ArenaBlock, BufferMemory, CodecId, DecodedPicture, Decoder, PictureLayout, StreamFormat } from '@paravideo/core';
import { toldLayout, V4L2_PIX_FMT_NV12, V4L2_PIX_FMT_NV12M, V4L2_PIX_FMT_YUV420, V4L2_PIX_FMT_YUV420M } from '@paravideo/core';
import { takesDecoded } from '../../av/index.ts';
import type { CodecRig } from './rig.ts';

/** What happened, in the order in which it did. */
export type PlayEvent =
  | { readonly kind: 'format'; readonly format: StreamFormat }
  | { readonly kind: 'picture'; readonly picture: DecodedPicture; readonly md5: string }
  | { readonly kind: 'inputDone'; readonly id: number; readonly ok: boolean }
  | { readonly kind: 'drained' }
  | { readonly kind: 'failed'; readonly reason: string };

/** The layout of a format, with `pad` extra bytes a line. */
export function layoutFor(fourcc: number, width: number, height: number, pad = 0): PictureLayout {
  const even = (n: number): number => 2 * Math.ceil(n / 2);
  const [w, h] = [even(width), even(height)];
  const stride = w + 2 * pad;
  const [luma, half] = [stride * h, (stride * h) / 2];
  const { strides = [], sizes = [] } =
    {
      [V4L2_PIX_FMT_NV12]: { strides: [stride], sizes: [luma + half] },
      [V4L2_PIX_FMT_YUV420]: { strides: [stride], sizes: [luma + half] },
      [V4L2_PIX_FMT_NV12M]: { strides: [stride, stride], sizes: [luma, half] },
      [V4L2_PIX_FMT_YUV420M]: { strides: [stride, stride / 2, stride / 2], sizes: [luma, half / 2, half / 2] },
    }[fourcc] ?? {};
  return toldLayout(fourcc, w, h, strides, sizes);
}

/** MD5 of the visible part as I420, tightly packed, odd sizes rounded up: what `ffmpeg -pix_fmt yuv420p -f framemd5` hashes. */
export function playedMd5(memory: readonly Uint8Array[], layout: PictureLayout, visible: StreamFormat['visible']): string {
  if (!takesDecoded(layout)) throw new TypeError(`format ${layout.fourcc} is no picture`);
  const hash = createHash('md5');
  const rows = (index: number, half: boolean, step: number, first: number): void => {
    const plane = layout.colours[index];
    const bytes = memory[plane?.buffer ?? 0];
    if (plane === undefined || bytes === undefined) return;
    const div = half ? 2 : 1;
    const [left, top] = [Math.floor(visible.left / div), Math.floor(visible.top / div)];
    const [width, height] = [Math.ceil(visible.width / div), Math.ceil(visible.height / div)];
    for (let y = 0; y < height; y += 1) {
      const at = plane.offset + (top + y) * plane.stride + left * step + first;
      if (step === 1) hash.update(bytes.subarray(at, at + width));
      else hash.update(Uint8Array.from({ length: width }, (_, x) => bytes[at + 2 * x] ?? 0));
    }
  };
  rows(0, false, 1, 0);
  if (layout.colours.length === 2) {
    rows(1, true, 2, 0);
    rows(1, true, 2, 1);
  } else {
    rows(1, true, 1, 0);
    rows(2, true, 1, 0);
  }
  return hash.digest('hex');
}

/** A client of one decoder. Inputs go through a few buffers; targets are supplied as soon as a format is known. */
export class Player implements AsyncDisposable {
  readonly events: PlayEvent[] = [];
  readonly decoder: Decoder;
  format: StreamFormat | undefined;
  layout: PictureLayout | undefined;
  readonly #rig: CodecRig;
  readonly #o: { fourcc: number; targets: number; pad: number; guest: boolean; hash: boolean };
  readonly #inputs = new Map<number, ArenaBlock>();
  readonly #spare: ArenaBlock[] = [];
  readonly #targets = new Map<number, { planes: BufferMemory[]; blocks: ArenaBlock[] }>();
  readonly #waiters: { until: () => boolean; resolve: () => void; reject: (error: Error) => void }[] = [];
  #nextInput = 0;
  #nextTarget = 0;
  #ramTop = 0;

  constructor(
    rig: CodecRig,
    codec: CodecId,
    o: { fourcc?: number; targets?: number; pad?: number; guest?: boolean; hash?: boolean } = {},
  ) {
    this.#rig = rig;
    this.#o = { fourcc: V4L2_PIX_FMT_NV12, targets: 4, pad: 0, guest: false, hash: true, ...o };
    const decoder = rig.host.factory.create(codec, {
      inputDone: (id, ok) => {
        const block = this.#inputs.get(id);
        if (block !== undefined) this.#spare.push(block);
        this.#inputs.delete(id);
        this.#tell({ kind: 'inputDone', id, ok });
      },
      format: (format) => {
        this.format = format;
        this.#tell({ kind: 'format', format });
        void this.prepare(format);
      },
      picture: (picture) => {
        const target = this.#targets.get(picture.targetId);
        this.#targets.delete(picture.targetId);
        if (target === undefined || this.layout === undefined || this.format === undefined)
          throw new TypeError('a picture in no target');
        const md5 = this.#o.hash
          ? playedMd5(
              target.planes.map((plane) => rig.bytes(plane)),
              this.layout,
              this.format.visible,
            )
          : '';
        this.#tell({ kind: 'picture', picture, md5 });
        this.#supply(target.planes, target.blocks);
      },
      drained: () => this.#tell({ kind: 'drained' }),
      failed: (reason) => this.#tell({ kind: 'failed', reason }),
    });
    if (decoder === undefined) throw new TypeError(`no decoder for ${codec}`);
    this.decoder = decoder;
  }

  get pictures(): (PlayEvent & { kind: 'picture' })[] {
    return this.events.filter((event) => event.kind === 'picture');
  }

  get formats(): StreamFormat[] {
    return this.events.flatMap((event) => (event.kind === 'format' ? [event.format] : []));
  }

  get inFlight(): number {
    return this.#inputs.size;
  }

  /** Takes the targets back, sets the layout for a format and supplies targets for it. */
  async prepare(format: StreamFormat): Promise<void> {
    await this.decoder.recall();
    for (const { blocks } of this.#targets.values()) for (const block of blocks) block.release();
    this.#targets.clear();
    this.#ramTop = 0;
    this.layout = layoutFor(this.#o.fourcc, format.codedWidth, format.codedHeight, this.#o.pad);
    this.decoder.setOutput(this.layout);
    for (let i = 0; i < this.#o.targets; i += 1) {
      const blocks: ArenaBlock[] = [];
      const planes = this.layout.sizes.map((length): BufferMemory => {
        if (this.#o.guest) return this.#guestMemory(length);
        const block = this.#rig.arena.allocate(length);
        if (block === undefined) throw new TypeError('the arena is full');
        blocks.push(block);
        return { kind: 'arena', offset: block.offset, length };
      });
      this.#supply(planes, blocks);
    }
  }

  /** Sends a unit, once fewer than `depth` inputs are in flight. Answers its id. */
  async send(bytes: Uint8Array, o: { mayContinue?: boolean; depth?: number } = {}): Promise<number> {
    await this.until(() => this.#inputs.size < (o.depth ?? 8));
    const id = this.#nextInput;
    this.#nextInput += 1;
    const fits = this.#spare.findIndex(({ length }) => length >= bytes.length);
    const block = fits >= 0 ? this.#spare.splice(fits, 1)[0] : this.#rig.arena.allocate(Math.max(bytes.length, 2 ** 18));
    if (block === undefined) throw new TypeError('the arena is full');
    this.#rig.arena.mapping.bytes().set(bytes, block.offset);
    this.#inputs.set(id, block);
    this.decoder.decode({
      id,
      memory: { kind: 'arena', offset: block.offset, length: bytes.length },
      offset: 0,
      length: bytes.length,
      mayContinue: o.mayContinue ?? false,
    });
    return id;
  }

  /** Sends all units, drains, and waits for the end. */
  async play(units: readonly Uint8Array[]): Promise<void> {
    for (const unit of units) await this.send(unit);
    const before = this.events.filter(({ kind }) => kind === 'drained').length;
    this.decoder.drain();
    await this.until(() => this.events.filter(({ kind }) => kind === 'drained').length > before);
  }

  /** Inputs in flight are void: after `flush`. */
  forgetInputs(): void {
    for (const block of this.#inputs.values()) block.release();
    this.#inputs.clear();
  }

  /** Resolves when `condition` holds; it is looked at after each event. Rejects if the decoder fails first. */
  async until(condition: () => boolean): Promise<void> {
    if (condition()) return;
    await new Promise<void>((resolve, reject) => this.#waiters.push({ until: condition, resolve, reject }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.decoder.close();
    this.forgetInputs();
    for (const block of this.#spare.splice(0)) block.release();
    for (const { blocks } of this.#targets.values()) for (const block of blocks) block.release();
    this.#targets.clear();
  }

  #guestMemory(length: number): BufferMemory {
    const first = Math.min(length, 5000);
    const ranges = [
      { address: this.#ramTop + length - first + 4096, length: first },
      { address: this.#ramTop, length: length - first },
    ].filter((range) => range.length > 0);
    this.#ramTop += length + 4096;
    return { kind: 'guest', ranges, length };
  }

  #supply(planes: BufferMemory[], blocks: ArenaBlock[]): void {
    const id = this.#nextTarget;
    this.#nextTarget += 1;
    this.#targets.set(id, { planes, blocks });
    this.decoder.supply({ id, planes });
  }

  #tell(event: PlayEvent): void {
    this.events.push(event);
    for (const waiter of [...this.#waiters]) {
      if (waiter.until()) waiter.resolve();
      else if (event.kind === 'failed') waiter.reject(new TypeError(`the decoder failed: ${event.reason}`));
      else continue;
      this.#waiters.splice(this.#waiters.indexOf(waiter), 1);
    }
  }
}
