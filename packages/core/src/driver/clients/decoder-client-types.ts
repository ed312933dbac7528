// SPDX-License-Identifier: Apache-2.0
/** What a decoder client takes and gives. */
import type { PictureLayout, Rect } from '../../picture/index.ts';
import type { BufferKind } from '../media/buffer-set.ts';

/** Options of a decoder client. */
export interface DecoderClientOptions {
  /** pixel format of the coded stream */
  readonly coded: number;
  /** raw pixel format wanted; default: the one the device chooses */
  readonly output?: number;
  /** which API; default: what the device's capabilities say */
  readonly mplane?: boolean;
  /** coded buffers in flight; default 8 */
  readonly inputBuffers?: number;
  /** bytes of a coded buffer; default 1 MiB */
  readonly inputSize?: number;
  /** picture buffers beyond the minimum that the device asks for; default 4 */
  readonly extraOutputs?: number;
  /** memory of the picture buffers; default 'mmap' */
  readonly memory?: BufferKind;
  /** memory of the coded buffers; default 'mmap' */
  readonly inputMemory?: BufferKind;
}

/** Coded data with its timestamp: 16 opaque bytes (`struct timeval`) that come back with the pictures. */
export interface CodedChunk {
  readonly bytes: Uint8Array;
  readonly timestamp: Uint8Array;
}

/** A decoded picture, in the device's buffer: its planes are valid until the next picture is asked for. */
export interface ClientPicture {
  /** format, coded size and planes */
  readonly layout: PictureLayout;
  /** what is to be shown */
  readonly visible: Rect;
  /** 16 opaque bytes, those of the chunk it came from */
  readonly timestamp: Uint8Array;
  /** one per memory plane, the bytes used */
  readonly planes: readonly Uint8Array[];
  readonly sequence: number;
  readonly field: number;
  /** V4L2_BUF_FLAG_* */
  readonly flags: number;
  /** V4L2_BUF_FLAG_ERROR: damaged, or empty if nothing could be made of it */
  readonly error: boolean;
}

/** Numbers for reports. */
export interface DecoderClientStats {
  readonly chunks: number;
  readonly pictures: number;
  readonly resolutionChanges: number;
}
