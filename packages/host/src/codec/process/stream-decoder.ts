// SPDX-License-Identifier: Apache-2.0
/**
 * One stream in the codec process: inputs, targets, and FFmpeg between them.
 *
 * Work is done one step at a time, so that requests are heard in between. A step is the first of these that is possible:
 * hand out the frame that is held; take a frame from the decoder; give it a unit; take the next input. Holding a frame,
 * for want of a target or of a layout for its format, stops all the rest: that is the back-pressure.
 *
 *   feeding --drain reached--> draining --every frame out--> feeding
 *   feeding --a unit that another decoder has to be made for--> replacing --every frame out--> feeding
 *   (a frame whose format is new): format reported --output with its serial--> frame can be handed out
 */

import type { PictureLayout } from '@paravideo/core';
import { AvError } from '../../av/av-error.ts';
import { CropFinder } from '../../av/cropping.ts';
import type { Av } from '../../av/node-av.ts';
import { PictureCopier } from '../../av/picture-copy.ts';
import { openVideoDecoder, type VideoCodec } from '../../av/video-codecs.ts';
import { type CodecReport, PICTURE_TYPES } from '../codec-messages.ts';
import { splitterFor } from './access-units.ts';
import { FormatGuard } from './format-guard.ts';
import { FormatProbe } from './format-probe.ts';
import { appearanceChanged, type FoundFormat, formatChanged, formatOfFrame } from './format-reader.ts';
import { DamageRecovery } from './recovery.ts';
import type { AccessUnit, Splitter } from './splitter.ts';

/** An input, or the place of a drain among the inputs. */
export type DecodeJob =
  | {
      readonly kind: 'data';
      readonly id: number;
      readonly offset: number;
      readonly length: number;
      readonly mayContinue: boolean;
    }
  | { readonly kind: 'drain' };

/** Memory for one picture, one view a memory plane. */
export interface StreamTarget {
  readonly id: number;
  readonly memory: readonly Uint8Array[];
}

/** What a stream needs of the process. */
export interface StreamHost {
  readonly av: Av;
  /** a view of the arena */
  bytes(offset: number, length: number): Uint8Array;
  report(report: CodecReport): void;
}

/** A format that was reported, by its serial. */
interface ReportedFormat {
  readonly serial: number;
  readonly format: FoundFormat;
}

/** A unit, or a layer below its picture, which is not shown. */
interface UnitPiece {
  readonly unit: AccessUnit;
  readonly bytes: Buffer;
  readonly shown: boolean;
}

/** What of one input has not been given to the decoder yet. */
interface InputFeeding {
  readonly inputId: number | undefined;
  readonly pieces: UnitPiece[];
  ok: boolean;
}

/** The timestamp of pictures that are not shown. */
const NOT_SHOWN = -1n;

export class StreamDecoder implements Disposable {
  readonly #stream: number;
  readonly #host: StreamHost;
  readonly #codec: VideoCodec;
  readonly #threads: number;
  #context: ReturnType<typeof openVideoDecoder>;
  /** what the decoder was made for, beside the codec */
  #madeFor: AccessUnit['frame'];
  readonly #recovery: DamageRecovery;
  readonly #copier: PictureCopier;
  readonly #crop: CropFinder;
  readonly #guard = new FormatGuard();
  readonly #splitter: Splitter;
  readonly #packet: InstanceType<Av['Packet']>;
  readonly #frame: InstanceType<Av['Frame']>;
  /** bits of a frame's error flags that mean nothing */
  readonly #untrusted: number;
  readonly #inputs: DecodeJob[] = [];
  /** ids of the units given to the decoder, oldest first: for frames that lost their timestamp */
  readonly #sent: number[] = [];
  #targets: StreamTarget[] = [];
  /** what was reported since the last exchange */
  #owed = { inputs: 0, pictures: 0, news: false };
  #probe: FormatProbe | undefined;
  /** the picture that was last looked at before its end was known */
  #lookedAt: number | undefined;
  #feeding: InputFeeding | undefined;
  #mode: 'feeding' | 'draining' | 'replacing' = 'feeding';
  #frameHeld = false;
  #mayReceive = false;
  #known: ReportedFormat | undefined;
  #previous: ReportedFormat | undefined;
  #output: { readonly serial: number; readonly layout: PictureLayout } | undefined;

  /** Throws AvError if the decoder does not open. */
  constructor(stream: number, codec: VideoCodec, threads: number, host: StreamHost) {
    this.#stream = stream;
    this.#host = host;
    this.#codec = codec;
    this.#threads = threads;
    this.#context = openVideoDecoder(host.av, codec, threads);
    this.#recovery = new DamageRecovery(host.av);
    this.#probe = new FormatProbe(host.av, codec);
    this.#copier = new PictureCopier(host.av);
    this.#crop = new CropFinder(host.av);
    this.#splitter = splitterFor(codec);
    // The MPEG-2 decoder takes macroblocks that the encoder has skipped at the end of a slice for lost ones.
    this.#untrusted = codec === 'mpeg2' ? host.av.constants.FF_DECODE_ERROR_CONCEALMENT_ACTIVE : 0;
    this.#packet = new host.av.Packet();
    this.#packet.alloc();
    this.#frame = new host.av.Frame();
    this.#frame.alloc();
  }

  push(input: DecodeJob): void {
    this.#inputs.push(input);
  }

  supply(target: StreamTarget): void {
    this.#targets.push(target);
  }

  /** A layout, chosen when the user knew format `serial`; one that answers an older format than the last is ignored. */
  setOutput(serial: number, layout: PictureLayout): void {
    if (serial >= (this.#known?.serial ?? 0)) this.#output = { serial, layout };
  }

  recall(): void {
    this.#targets = [];
  }

  /** Drops everything in flight. `serial`: the last format that the user was told of; a later one will be told again. */
  flush(serial: number): void {
    this.#inputs.length = 0;
    this.#sent.length = 0;
    this.#feeding = undefined;
    this.#splitter.reset();
    this.#mode = 'feeding';
    this.#mayReceive = false;
    this.#dropFrame();
    this.#context.flushBuffers();
    this.#recovery.restart(this.#context);
    if (this.#known !== undefined && this.#known.serial > serial) this.#known = this.#previous;
  }

  /**
   * True if the reports should leave now: the user may be waiting for one, or has as many inputs or targets coming back to
   * it as there are left here.
   */
  get awaited(): boolean {
    const { inputs, pictures, news } = this.#owed;
    return news || (inputs > 0 && inputs >= this.#inputs.length) || (pictures > 0 && pictures >= this.#targets.length);
  }

  /** The reports have left. */
  exchanged(): void {
    this.#owed = { inputs: 0, pictures: 0, news: false };
  }

  /** Does one piece of work; false if there is nothing to do until a message comes. Throws AvError if the decoder is of no more use. */
  step(): boolean {
    if (this.#frameHeld) return this.#handOut();
    if (this.#mayReceive) return this.#receive();
    if (this.#feeding !== undefined) return this.#feed(this.#feeding);
    const input = this.#inputs.shift();
    if (input === undefined) return false;
    this.#feeding =
      input.kind === 'drain'
        ? { inputId: undefined, pieces: this.#splitter.flush().flatMap(piecesOf), ok: true }
        : this.#take(input);
    return true;
  }

  [Symbol.dispose](): void {
    this.#frame.free();
    this.#packet.free();
    this.#probe?.[Symbol.dispose]();
    this.#copier[Symbol.dispose]();
    this.#crop[Symbol.dispose]();
    this.#context.freeContext();
  }

  /** Fetches an input once: what the guest does to the memory afterwards does not matter. */
  #take(input: DecodeJob & { kind: 'data' }): InputFeeding {
    if (input.length === 0) return { inputId: input.id, pieces: [], ok: true };
    const bytes = Buffer.from(this.#host.bytes(input.offset, input.length));
    const { units, understood } = this.#splitter.push(input.id, bytes, input.mayContinue);
    if (units.length === 0) this.#lookAhead();
    return { inputId: input.id, pieces: units.flatMap(piecesOf), ok: understood };
  }

  /**
   * Looks for the format in a picture whose end is not known. The stream may end with it, and a client cannot ask for what is kept
   * before it has heard of a format. Each such picture is looked at once, however many inputs it comes in.
   */
  #lookAhead(): void {
    const begun = this.#probe === undefined ? undefined : this.#splitter.begun;
    if (begun === undefined || begun.id === this.#lookedAt) return;
    this.#lookedAt = begun.id;
    this.#findFormat(begun, { inputId: begun.id, pieces: [], ok: true });
  }

  #feed(feeding: InputFeeding): boolean {
    const [piece] = feeding.pieces;
    if (piece !== undefined) {
      if (this.#replaces(piece.unit)) return true;
      feeding.pieces.shift();
      const { unit, bytes, shown } = piece;
      this.#recovery.before(unit, this.#context);
      this.#packet.data = bytes;
      this.#packet.pts = shown ? BigInt(unit.id) : NOT_SHOWN;
      this.#packet.dts = this.#packet.pts;
      const sent = this.#context.sendPacketSync(this.#packet);
      this.#packet.unref();
      if (shown) this.#sent.push(unit.id);
      if (sent < 0) this.#failure(sent, feeding);
      this.#mayReceive = true;
      // The decoder's own threads work at the unit meanwhile.
      if (shown) this.#findFormat(unit, feeding);
    }
    if (feeding.pieces.length > 0) return true;
    this.#feeding = undefined;
    if (feeding.inputId === undefined) {
      this.#context.sendPacketSync(null);
      this.#mode = 'draining';
      this.#mayReceive = true;
    } else {
      this.#report({ kind: 'inputDone', stream: this.#stream, id: feeding.inputId, ok: feeding.ok ? 1 : 0 });
    }
    return true;
  }

  /** True if a unit needs another decoder than this one, which lets out what it has first. */
  #replaces(unit: AccessUnit): boolean {
    const { frame } = unit;
    const before = this.#madeFor;
    if (frame === undefined) return false;
    if (frame.width === before?.width && frame.height === before.height && frame.bottomFirst === before.bottomFirst) return false;
    this.#madeFor = frame;
    this.#context.sendPacketSync(null);
    this.#mode = 'replacing';
    this.#mayReceive = true;
    return true;
  }

  #findFormat(unit: AccessUnit, feeding: InputFeeding): void {
    if (this.#probe === undefined) return;
    const { format, ok } = this.#probe.offer(unit);
    if (!ok) feeding.ok = false;
    if (format === undefined) return;
    this.#probe[Symbol.dispose]();
    this.#probe = undefined;
    this.#announce(format);
  }

  #receive(): boolean {
    const { AVERROR_EAGAIN, AVERROR_EOF } = this.#host.av.constants;
    const result = this.#context.receiveFrameSync(this.#frame);
    if (result === 0) {
      this.#frameHeld = this.#frame.pts !== NOT_SHOWN;
      if (!this.#frameHeld) this.#frame.unref();
    } else if (result === AVERROR_EAGAIN) {
      this.#mayReceive = false;
    } else if (result === AVERROR_EOF && this.#mode === 'replacing') {
      this.#context.freeContext();
      this.#context = openVideoDecoder(this.#host.av, this.#codec, this.#threads, this.#madeFor);
      this.#mayReceive = false;
      this.#mode = 'feeding';
    } else if (result === AVERROR_EOF) {
      this.#context.flushBuffers();
      this.#recovery.restart(this.#context);
      this.#sent.length = 0;
      this.#mayReceive = false;
      this.#mode = 'feeding';
      this.#report({ kind: 'drained', stream: this.#stream });
    } else if (this.#mode === 'feeding') {
      // The packet that it is about was given earlier, and its input is done; a picture that is damaged says so itself.
      this.#failure(result, this.#feeding);
    }
    return true;
  }

  /** Bad data is the guest's affair; running out of memory, or a bug in the decoder, ends the stream. */
  #failure(result: number, feeding: InputFeeding | undefined): void {
    const { AVERROR_ENOMEM, AVERROR_BUG } = this.#host.av.constants;
    if (result === AVERROR_ENOMEM || result === AVERROR_BUG) throw new AvError('call', `the decoder answered ${result}`);
    if (feeding !== undefined) feeding.ok = false;
  }

  #handOut(): boolean {
    if (!this.#answered()) return false;
    this.#lookAtFormat();
    const layout = this.#output?.layout;
    if (layout === undefined || !this.#answered()) return false;
    if (layout.width < this.#frame.width || layout.height < this.#frame.height) return false;
    const index = this.#targets.findIndex(({ memory }) => layout.sizes.every((size, i) => (memory[i]?.length ?? 0) >= size));
    const [target] = index < 0 ? [] : this.#targets.splice(index, 1);
    if (target === undefined) return false;
    this.#copier.copy(this.#frame, layout, target.memory);
    const c = this.#host.av.constants;
    const { flags } = this.#frame;
    this.#report({
      kind: 'picture',
      stream: this.#stream,
      targetId: target.id,
      inputId: this.#origin(),
      interlaced: (flags & c.AV_FRAME_FLAG_INTERLACED) !== 0 ? 1 : 0,
      error: this.#damaged() ? 1 : 0,
      type: PICTURE_TYPES.indexOf(this.#pictureType(flags)),
    });
    this.#dropFrame();
    return true;
  }

  /** Tells the format of the held frame if the user knows another one. */
  #lookAtFormat(): void {
    const before = this.#known?.format;
    if (this.#guard.holds(before, this.#frame, this.#splitter.steady)) return;
    const now = formatOfFrame(this.#host.av, this.#context, this.#frame, this.#crop);
    if (before === undefined || formatChanged(before, now)) this.#announce(now);
    // The decoder's guess at the reordering may have changed on the way, and is no reason for other buffers.
    else if (appearanceChanged(before, now)) this.#announce({ ...now, reorder: before.reorder });
    this.#guard.compared(this.#known?.format, this.#frame);
  }

  #damaged(): boolean {
    const frame = this.#frame;
    const corrupt = (frame.flags & this.#host.av.constants.AV_FRAME_FLAG_CORRUPT) !== 0;
    return this.#recovery.damaged(frame, corrupt) || (frame.decodeErrorFlags & ~this.#untrusted) !== 0;
  }

  /** True if the user chose a layout after it was told of the last format. */
  #answered(): boolean {
    return this.#known === undefined || (this.#output !== undefined && this.#output.serial >= this.#known.serial);
  }

  #pictureType(flags: number): (typeof PICTURE_TYPES)[number] {
    const c = this.#host.av.constants;
    if ((flags & c.AV_FRAME_FLAG_KEY) !== 0) return 'key';
    const type = this.#frame.pictType;
    return type === c.AV_PICTURE_TYPE_P ? 'p' : type === c.AV_PICTURE_TYPE_B ? 'b' : 'unknown';
  }

  /** The input in which the held picture began: its timestamp, or else the oldest unit that no picture came of. */
  #origin(): number {
    const named = Number(this.#frame.pts);
    const at = Number.isSafeInteger(named) ? this.#sent.indexOf(named) : 0;
    const id = at >= 0 ? this.#sent.splice(at, 1)[0] : named;
    // Units that gave no picture must not pile up.
    if (this.#sent.length > 256) this.#sent.splice(0, 128);
    return id ?? 0;
  }

  #report(report: CodecReport): void {
    if (report.kind === 'inputDone') this.#owed.inputs += 1;
    else if (report.kind === 'picture') this.#owed.pictures += 1;
    else this.#owed.news = true;
    this.#host.report(report);
  }

  #announce(format: FoundFormat): void {
    this.#previous = this.#known;
    const serial = (this.#known?.serial ?? 0) + 1;
    this.#known = { serial, format };
    const { codedWidth, codedHeight, visible, interlaced, reorder, profile, level } = format;
    const { primaries, transfer, matrix, range, aspectNumerator, aspectDenominator } = format;
    this.#report({
      kind: 'format',
      stream: this.#stream,
      serial,
      codedWidth,
      codedHeight,
      ...visible,
      primaries,
      transfer,
      matrix,
      range,
      aspectNumerator,
      aspectDenominator,
      interlaced: interlaced ? 1 : 0,
      reorder,
      profile,
      level,
    });
  }

  #dropFrame(): void {
    if (this.#frameHeld) this.#frame.unref();
    this.#frameHeld = false;
  }
}

/** A unit as the decoder takes it, piece by piece. */
function piecesOf(unit: AccessUnit): UnitPiece[] {
  const layers = (unit.layers ?? []).map((bytes) => ({ unit, bytes, shown: false }));
  return [...layers, { unit, bytes: unit.bytes, shown: true }];
}
