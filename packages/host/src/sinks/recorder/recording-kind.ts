// SPDX-License-Identifier: Apache-2.0
/** How a recording is written: the index in this list is what travels to the process. */

/** What a recording is. */
export interface RecordingKind {
  readonly name: string;
  /** FFmpeg's names of the container and the encoder; undefined: YUV4MPEG2, which needs no library */
  readonly film: { readonly muxer: string; readonly encoder: string } | undefined;
}

const film = (name: string, muxer: string, encoder: string): RecordingKind => ({ name, film: { muxer, encoder } });

/** Each of them. */
export const RECORDING_KINDS = [
  { name: 'y4m', film: undefined },
  film('h264.mkv', 'matroska', 'libx264'),
  film('ffv1.mkv', 'matroska', 'ffv1'),
  film('h264.mp4', 'mp4', 'libx264'),
  film('h264.ts', 'mpegts', 'libx264'),
  film('h264.rtp', 'rtp', 'libx264'),
] as const satisfies readonly RecordingKind[];

/** The name of one of them. */
export type RecordingName = (typeof RECORDING_KINDS)[number]['name'];
