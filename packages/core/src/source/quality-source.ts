// SPDX-License-Identifier: Apache-2.0
/**
 * A source as one guest has it, with a control for the quality of the JPEG that is made for it. Guests that want the same picture in the
 * same quality share it; a stream whose quality changes goes over to other frames when the first of them is there.
 */
import {
  type ControlPort,
  DEFAULT_QUALITY,
  type FrameConsumer,
  type FrameSource,
  type FrameStream,
  type SourceChange,
  type SourceControl,
  type SourceModes,
  type SourcePresence,
  type WantedFrames,
} from '../ports/index.ts';
import { Errno, V4L2_CID_JPEG_COMPRESSION_QUALITY, V4L2_PIX_FMT_MJPEG } from '../wire/index.ts';
import { MovingStream } from './moving-stream.ts';
import { SourceControls } from './source-controls.ts';
import { withStart } from './with-start.ts';

/** The least quality and the best. */
const [WORST, BEST] = [1, 100] as const;

/** How the quality is set. */
export interface QualityOptions {
  /** at first; DEFAULT_QUALITY */
  readonly quality?: number | undefined;
  /** whoever tries to set it gets EACCES */
  readonly readOnly?: boolean | undefined;
}

/** See the top of the file. */
export class QualitySource implements FrameSource {
  readonly controls: ControlPort;
  readonly #source: FrameSource;
  readonly #own: SourceControls;
  readonly #streams = new Set<MovingStream>();
  /** the source in the quality of now: a stream knows by it whether it is there */
  #graded: FrameSource;

  constructor(source: FrameSource, { quality = DEFAULT_QUALITY, readOnly }: QualityOptions = {}) {
    this.#source = source;
    this.#own = new SourceControls([qualityControl(quality, readOnly === true)]);
    this.#graded = graded(source, quality);
    const own = (id: number): boolean => id === V4L2_CID_JPEG_COMPRESSION_QUALITY;
    // A camera that has the control itself means its own coder by it.
    const there = source.controls.declared.some(({ id }) => own(id));
    this.controls = there ? source.controls : this.#with(own);
  }

  get capabilities(): SourceModes {
    return this.#source.capabilities;
  }

  get presence(): SourcePresence {
    return this.#source.presence;
  }

  watch(listener: (change: SourceChange) => void): Disposable {
    return this.#source.watch(listener);
  }

  start(wanted: WantedFrames, consumer: FrameConsumer): FrameStream {
    if (wanted.layout.fourcc !== V4L2_PIX_FMT_MJPEG) return this.#source.start(wanted, consumer);
    const stream = new MovingStream(this.#graded, wanted, consumer, () => this.#streams.delete(stream));
    this.#streams.add(stream);
    return stream;
  }

  #with(own: (id: number) => boolean): ControlPort {
    const { controls } = this.#source;
    const ownControls = this.#own;
    return {
      get declared() {
        return [...controls.declared, ...ownControls.declared];
      },
      get: (id) => (own(id) ? this.#own.get(id) : controls.get(id)),
      set: (id, value) => (own(id) ? this.#set(value) : controls.set(id, value)),
      onChange: (listener) => {
        const both = [controls.onChange(listener), this.#own.onChange(listener)];
        return {
          [Symbol.dispose]: () => {
            for (const each of both) each[Symbol.dispose]();
          },
        };
      },
    };
  }

  #set(value: number): number {
    const [control] = this.#own.declared;
    if (control?.readOnly === true) return Errno.EACCES;
    if (value === this.#own.get(V4L2_CID_JPEG_COMPRESSION_QUALITY)) return 0;
    this.#own.set(V4L2_CID_JPEG_COMPRESSION_QUALITY, value);
    this.#graded = graded(this.#source, value);
    for (const stream of this.#streams) stream.move(this.#graded);
    return 0;
  }
}

function qualityControl(quality: number, readOnly: boolean): SourceControl {
  return {
    id: V4L2_CID_JPEG_COMPRESSION_QUALITY,
    type: 'integer',
    name: 'Compression Quality',
    minimum: WORST,
    maximum: BEST,
    step: 1,
    default: quality,
    ...(readOnly ? { readOnly } : {}),
  };
}

/** The source, whose streams have this quality. */
function graded(source: FrameSource, quality: number): FrameSource {
  return withStart(source, (wanted, consumer) => source.start({ ...wanted, quality }, consumer));
}
