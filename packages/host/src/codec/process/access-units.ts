// SPDX-License-Identifier: Apache-2.0
/** The cutters of all codecs. */

import type { VideoCodec } from '../../av/video-codecs.ts';
import { JpegSplitter } from './jpeg-splitter.ts';
import type { AccessUnit, Cut, Splitter } from './splitter.ts';
import { StartCodeSplitter } from './start-code-splitter.ts';
import { h264Classifier, hevcClassifier, mpeg2Classifier } from './start-codes.ts';

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
