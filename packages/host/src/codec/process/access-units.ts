// SPDX-License-Identifier: Apache-2.0
/** Cuts coded input into what a decoder takes at a time: one picture with the headers before it. */
import { JpegSplitter } from './jpeg-splitter.ts';
import { h264Classifier, hevcClassifier, mpeg2Classifier } from './start-codes.ts';
import { StartCodeSplitter } from './start-code-splitter.ts';
import type { VideoCodec } from '../../av/video-codecs.ts';

/** Coded data of one picture; `id` names the input in which it began. */
export interface AccessUnit {
  readonly id: number;
  readonly bytes: Buffer;
}

/** What came of an input. `understood` is false if nothing in it looked like the codec. */
export interface Cut {
  readonly units: readonly AccessUnit[];
  readonly understood: boolean;
}

/** A cutter of one stream. It keeps what may go on in the next input, and headers whose picture has not come yet. */
export interface Splitter {
  /** The input's units. With `mayContinue` its last one is kept, because its end is not known. */
  push(id: number, bytes: Buffer, mayContinue: boolean): Cut;
  /** What was kept: nothing follows it. */
  flush(): readonly AccessUnit[];
  /** Forgets data that was kept; headers of earlier inputs stay. */
  reset(): void;
}

/** Codecs whose units do not say where they end: an input is a unit. */
class WholeInput implements Splitter {
  push(id: number, bytes: Buffer): Cut {
    return { units: bytes.length === 0 ? [] : [{ id, bytes }], understood: bytes.length > 0 };
  }

  flush(): readonly AccessUnit[] {
    return [];
  }

  reset(): void {}
}

/** A cutter for a codec. */
export function splitterFor(codec: VideoCodec): Splitter {
  switch (codec) {
    case 'h264':
      return new StartCodeSplitter(h264Classifier());
    case 'hevc':
      return new StartCodeSplitter(hevcClassifier());
    case 'mpeg2':
      return new StartCodeSplitter(mpeg2Classifier());
    case 'mjpeg':
      return new JpegSplitter();
    case 'vp8':
    case 'vp9':
    case 'av1':
      return new WholeInput();
  }
}
