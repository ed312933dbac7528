// SPDX-License-Identifier: Apache-2.0
/** What a camera and its thread tell each other. */
import type {
  Colorimetry,
  DeclarationChange,
  Fraction,
  PictureLayout,
  PictureSize,
  SourceControl,
  SourceIntervals,
  SourceSizes,
} from '@paravideo/core';

/** Rates of one size. */
export interface DescribedRates extends PictureSize {
  readonly intervals: SourceIntervals;
}

/** One of a camera's formats. */
export interface DescribedFormat {
  readonly fourcc: number;
  readonly sizes: SourceSizes;
  /** of each size in a list; of the largest one of a range */
  readonly rates: readonly DescribedRates[];
}

/** All that there is to know of a camera, as of now. */
export interface CameraDescription {
  readonly card: string;
  readonly driver: string;
  readonly formats: readonly DescribedFormat[];
  /** the mode that it is in */
  readonly size: PictureSize;
  readonly interval: Fraction;
  readonly colorimetry: Colorimetry;
  readonly controls: readonly SourceControl[];
  /** by id */
  readonly values: ReadonlyMap<number, number>;
}

/** Why a camera cannot be had. */
export interface CameraTrouble {
  /** positive errno; 0 for what is no fault of a call */
  readonly errno: number;
  /** with what to do about it, where there is anything */
  readonly reason: string;
}

/** Asked of the thread. What is said of a start that has ended is without effect. */
export type CameraRequest =
  | { readonly kind: 'describe'; readonly path: string }
  | {
      readonly kind: 'start';
      readonly id: number;
      readonly path: string;
      readonly layout: PictureLayout;
      readonly interval: Fraction;
      /** ids of controls whose changes are to be told */
      readonly controls: readonly number[];
    }
  | { readonly kind: 'release'; readonly id: number; readonly index: number }
  | { readonly kind: 'stop'; readonly id: number }
  | {
      readonly kind: 'set';
      readonly id: number;
      readonly path: string;
      readonly control: number;
      readonly value: number;
    };

/** Told by the thread. */
export type CameraAnswer =
  | { readonly kind: 'described'; readonly description: CameraDescription }
  | ({ readonly kind: 'unavailable' } & CameraTrouble)
  | {
      readonly kind: 'frame';
      readonly id: number;
      /** the buffer, until it is released */
      readonly index: number;
      readonly sequence: number;
      /** microseconds of the monotonic clock */
      readonly timestamp: number;
      readonly field: number;
      readonly planes: readonly { readonly address: number; readonly length: number }[];
    }
  | ({ readonly kind: 'ended'; readonly id: number } & CameraTrouble)
  | { readonly kind: 'set'; readonly id: number; readonly errno: number; readonly value: number }
  | { readonly kind: 'control'; readonly control: number; readonly value: number; readonly change: DeclarationChange };
