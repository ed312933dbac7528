// SPDX-License-Identifier: Apache-2.0
import type { Log } from '../../log/index.ts';
import type { Producer, ProducerEnd } from './producer.ts';
import type { StreamInput } from './stream-input.ts';

/** Where the producers of a camera come from, one at a time. Disposing of it ends the one that there is. */
export interface Origin extends AsyncDisposable {
  /** Whether somebody streams now. */
  streaming(on: boolean): void;
}

/** What an origin tells the camera. */
export interface OriginHost {
  readonly log: Log;
  /** Begins to read a producer, whose input it owns; `ended` is called once unless it is disposed of before. Throws `SysError`. */
  serve(input: StreamInput, ended: (end: ProducerEnd) => void): Producer;
  /** The camera is not there. */
  absent(reason: string): void;
  /** It is, though no producer has said so. */
  present(): void;
}

/** Makes an origin; it calls nothing of the host before it is made. Throws `SourceError` if it cannot be. */
export type OpenOrigin = (host: OriginHost) => Origin;
