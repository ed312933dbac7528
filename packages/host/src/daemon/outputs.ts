// SPDX-License-Identifier: Apache-2.0
import {
  type Capture,
  type Converter,
  type FrameSink,
  intervalOf,
  type PictureLayout,
  type PlayedPicture,
  pictureLayout,
  SharedSource,
  V4L2_COLORSPACE_SMPTE170M,
} from '@paravideo/core';
import type { CopyPool } from '../memory/copy/index.ts';
import { type OutputSink, PlayedOutput, playableModes, playedMemory, SinkError, SinkFeed } from '../sinks/index.ts';
import type { DaemonConfig, OutputConfig } from './config.ts';
import { ConfigError } from './config-error.ts';
import type { Logger } from './logger.ts';

/** What outputs share with everything else. */
export interface OutputParts {
  readonly log: Logger;
  readonly copies: CopyPool;
  readonly converter: Converter | undefined;
}

interface OpenOutput {
  readonly output: PlayedOutput;
  readonly sinks: readonly OutputSink[];
}

/** The outputs of a configuration, each with its sinks. */
export class Outputs implements AsyncDisposable {
  readonly #open: ReadonlyMap<string, OpenOutput>;
  readonly #made: readonly number[];
  readonly #parts: AsyncDisposableStack;

  private constructor(open: ReadonlyMap<string, OpenOutput>, made: readonly number[], parts: AsyncDisposableStack) {
    this.#open = open;
    this.#made = made;
    this.#parts = parts;
  }

  /** Opens every sink. Throws `ConfigError` for one that cannot be had. */
  static async open(devices: DaemonConfig['devices'], o: OutputParts): Promise<Outputs> {
    await using parts = new AsyncDisposableStack();
    const open = new Map<string, OpenOutput>();
    for (const [i, device] of devices.entries()) {
      if (device.kind !== 'output') continue;
      const log = o.log.child({ device: device.name });
      const modes = playableModes(device.card ?? `Paravideo ${device.name}`, device.size, intervalOf(device.fps));
      const output = new PlayedOutput({ name: device.name, modes, expected: expected(device), log });
      const sinks: OutputSink[] = [];
      const shared = parts.use(new SharedSource(output.capture(), o.converter));
      for (const [at, { adapter, settings }] of device.sinks.entries()) {
        const sinkLog = log.child({ sink: adapter.kind });
        try {
          const sink = await adapter.open(settings, { log: sinkLog, name: device.name, copies: o.copies });
          parts.use(new SinkFeed(shared, sink, sinkLog));
          sinks.push(sink);
        } catch (error) {
          if (error instanceof SinkError) throw new ConfigError([`devices[${i}].sinks[${at}]: ${error.message}`]);
          throw error;
        }
      }
      open.set(device.name, { output, sinks });
    }
    return new Outputs(open, o.converter?.makes ?? [], parts.move());
  }

  /** What guests play into. */
  sink(name: string): FrameSink {
    return this.#named(name).output.sink;
  }

  /** Bytes of frames that there are while pictures of a layout are played. */
  memory(name: string, layout: PictureLayout): number {
    return playedMemory(layout, this.#named(name).sinks, this.#made);
  }

  /** What they play, for cameras that show it. */
  played(name: string): Capture {
    return this.#named(name).output.capture();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#parts.disposeAsync();
  }

  #named(name: string): OpenOutput {
    const output = this.#open.get(name);
    if (output === undefined) throw new RangeError(`output ${name} was not opened`);
    return output;
  }
}

/** What a camera says that shows an output into which nobody has played yet. */
function expected({ size, fps, name }: OutputConfig): PlayedPicture {
  const [fourcc = 0] = playableModes(name, size, intervalOf(fps)).formats;
  const layout = pictureLayout(fourcc, size.width, size.height);
  if (layout === undefined) throw new RangeError(`the schema let a size of ${size.width}x${size.height} through`);
  const colorimetry = { colorspace: V4L2_COLORSPACE_SMPTE170M, ycbcrEnc: 0, quantization: 0, xferFunc: 0 };
  return { layout, interval: intervalOf(fps), colorimetry };
}
