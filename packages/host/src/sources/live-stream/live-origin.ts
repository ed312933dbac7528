// SPDX-License-Identifier: Apache-2.0
import type { ChildKind } from '../../isolation/child/index.ts';

/** What the process of a live stream is told; it comes as JSON in a file of memory. */
export interface ProcessSettings {
  /** the kind of its door */
  readonly kind: ChildKind;
  /** what FFmpeg opens */
  readonly url: string;
  /** FFmpeg's demuxer; absent: by what comes */
  readonly format?: string;
  /** FFmpeg's options */
  readonly options: Readonly<Record<string, string>>;
  /** variables of its environment that libraries read */
  readonly environment?: Readonly<Record<string, string>>;
  /** microseconds for which a picture waits */
  readonly lead: number;
  /** whether frames come as fast as they are asked for; absent: by what comes */
  readonly pulled?: boolean;
}

/** Where a live stream comes from. */
export interface LiveOrigin {
  /** as it may be shown */
  readonly name: string;
  /** files that the process may read; absent: it may open none, by its door */
  readonly files?: readonly string[];
  /** whether it has the network */
  readonly network: boolean;
  readonly told: ProcessSettings;
}
