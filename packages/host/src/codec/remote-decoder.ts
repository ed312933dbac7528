// SPDX-License-Identifier: Apache-2.0
import {
  type CodecTarget,
  type CodedInput,
  type Decoder,
  type DecoderEvents,
  fitsInto,
  type PictureLayout,
} from '@paravideo/core';
import { takesDecoded } from '../av/index.ts';
import { ChildProtocolError } from '../isolation/child/index.ts';
import { CodecError } from './codec-error.ts';
import { type CodecRequest, PICTURE_TYPES } from './codec-messages.ts';
import { layoutNumbers } from './layout-numbers.ts';
import { RemoteCodec, type ReportOf } from './remote-codec.ts';
import { fieldOf, streamFormat } from './report-checks.ts';

/** A decoder in a codec process: the stream's formats and its pictures, over what every stream has. */
export class RemoteDecoder extends RemoteCodec<DecoderEvents> implements Decoder {
  #layout: PictureLayout | undefined;
  /**
   * format serials: `accepted` is the last that the process reported, `told` the last that the user heard of, `answered` the last
   * for which the user gave a layout
   */
  readonly #serial = { told: 0, accepted: 0, answered: 0 };
  #size = { codedWidth: 0, codedHeight: 0 };

  decode({ id, memory, offset, length, mayContinue }: CodedInput): void {
    if (!this.usable) return;
    this.lendInput(id, [{ memory, offset, length }], ([at = 0]) => ({
      kind: 'decode',
      stream: this.stream,
      id,
      offset: at,
      length,
      mayContinue: mayContinue ? 1 : 0,
    }));
  }

  setOutput(layout: PictureLayout): void {
    if (!this.usable) return;
    const { codedWidth, codedHeight } = this.#size;
    if (!takesDecoded(layout) || layout.width < codedWidth || layout.height < codedHeight) {
      throw new CodecError(
        `layout ${layout.width}x${layout.height}, format ${layout.fourcc}, cannot hold pictures of ${codedWidth}x${codedHeight}`,
      );
    }
    this.#layout = layout;
    this.#serial.answered = this.#serial.told;
    const { fourcc, width, height } = layout;
    const rest = layoutNumbers(layout);
    this.sendInTurn({ kind: 'output', stream: this.stream, serial: this.#serial.told, fourcc, width, height, rest });
  }

  protected sizesOf(target: CodecTarget): readonly number[] {
    const layout = this.#layout;
    if (layout === undefined) throw new CodecError(`target ${target.id} was supplied before a layout was set`);
    if (fitsInto(layout, target.planes)) return layout.sizes;
    const lengths = target.planes.map(({ length }) => length).join(', ');
    throw new CodecError(`target ${target.id} has planes of ${lengths} bytes; the layout needs ${layout.sizes.join(', ')}`);
  }

  protected flushRequest(): CodecRequest {
    // After the flush the process reports a format again if the user has not heard of it.
    this.#serial.accepted = this.#serial.told;
    return { kind: 'flush', stream: this.stream, serial: this.#serial.told };
  }

  protected hearResult(report: ReportOf<'format' | 'picture'>): void {
    if (report.kind === 'format') this.#hearFormat(report);
    else this.#hearPicture(report);
  }

  #hearFormat(report: ReportOf<'format'>): void {
    const { flushing } = this;
    if (!flushing && (report.serial !== this.#serial.accepted + 1 || this.#serial.answered < this.#serial.accepted)) {
      throw new ChildProtocolError(`stream ${this.stream}: format ${report.serial} comes out of turn`);
    }
    const format = streamFormat(this.codec, report);
    // The process goes back to what the user knows when it gets to the flush.
    if (flushing) return;
    const { serial } = report;
    this.#serial.accepted = serial;
    this.tell(() => {
      this.#serial.told = serial;
      this.#size = format;
      this.events.format(format);
    });
  }

  #hearPicture({ targetId, inputId, interlaced, error, type }: ReportOf<'picture'>): void {
    const name = PICTURE_TYPES[type];
    if (name === undefined || error < 0 || error > 1)
      throw new ChildProtocolError(`stream ${this.stream}: no picture is of type ${type} with error ${error}`);
    const field = fieldOf(interlaced);
    this.takeResult({ targetId, inputId }, (bytesUsed, stored) => {
      this.events.picture({ targetId, inputId, bytesUsed, field, error: error === 1 || !stored, type: name });
    });
  }
}
