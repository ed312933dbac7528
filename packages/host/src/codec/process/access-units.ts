// SPDX-License-Identifier: Apache-2.0
/** The cutters of all codecs. */

import type { VideoCodec } from '../../av/video-codecs.ts';
import { H264Classifier } from './h264-classifier.ts';
import { JpegSplitter } from './jpeg-splitter.ts';
import type { AccessUnit, SplitInput, Splitter } from './splitter.ts';
import { StartCodeSplitter } from './start-code-splitter.ts';
import { HevcClassifier, Mpeg2Classifier } from './start-codes.ts';
import { isShown, superframeParts } from './superframe.ts';

/** Codecs whose units do not say where they end: an input is a unit. */
class WholeInput implements Splitter {
  readonly begun: AccessUnit | undefined = undefined;

  readonly steady = false;

  push(id: number, bytes: Buffer): SplitInput {
    return { units: bytes.length === 0 ? [] : [{ id, bytes }], understood: bytes.length > 0 };
  }

  flush(): readonly AccessUnit[] {
    return [];
  }

  reset(): void {}
}

/**
 * VP9: an input is a unit. Several frames of a superframe that are shown are spatial layers of one picture: the last of them
 * is the picture.
 */
class Vp9Splitter extends WholeInput {
  override push(id: number, bytes: Buffer): SplitInput {
    const parts = superframeParts(bytes);
    const shown = parts.filter(isShown);
    const last = shown.at(-1);
    if (last === undefined || shown.length < 2) return super.push(id, bytes);
    const at = parts.indexOf(last);
    const rest = parts.slice(at + 1).map((part) => ({ id, bytes: part }));
    return { units: [{ id, bytes: last, layers: parts.slice(0, at) }, ...rest], understood: true };
  }
}

/** A cutter for a codec. */
export function splitterFor(codec: VideoCodec): Splitter {
  switch (codec) {
    case 'h264':
      return new StartCodeSplitter(new H264Classifier());
    case 'hevc':
      return new StartCodeSplitter(new HevcClassifier());
    case 'mpeg2':
      return new StartCodeSplitter(new Mpeg2Classifier());
    case 'mjpeg':
      return new JpegSplitter();
    case 'vp9':
      return new Vp9Splitter();
    case 'vp8':
    case 'av1':
      return new WholeInput();
  }
}
