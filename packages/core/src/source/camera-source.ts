// SPDX-License-Identifier: Apache-2.0
import type { FrameSource, WantedFrames } from '../ports/index.ts';

/** A source that cameras of many guests show. */
export interface CameraSource extends FrameSource, AsyncDisposable {
  /** Whether there can be other sources of the same camera with controls of their own. */
  readonly separable: boolean;
  /** Such a source; it is disposed of before this one. Throws `SourceError` where there can be none. */
  separate(): CameraSource;
  /** Whether coded frames of this format are made of the camera's own, with a quality that a stream may choose. */
  codes(fourcc: number): boolean;
  /** Whether it brings such frames while it is there, be they its own or made of those. */
  canBring(wanted: WantedFrames): boolean;
}
