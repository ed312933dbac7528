// SPDX-License-Identifier: Apache-2.0
/** The kinds of devices that are fuzzed. */
import {
  type BufferAccess,
  CaptureDevice,
  DecoderDevice,
  type DeviceLimits,
  type HeapAccess,
  type HeapArena,
  type MediaDevice,
  OutputDevice,
  V4L2_BUF_TYPE_VIDEO_CAPTURE,
  V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE,
  V4L2_BUF_TYPE_VIDEO_OUTPUT,
  V4L2_BUF_TYPE_VIDEO_OUTPUT_MPLANE,
} from '@paravideo/core';
import { type ManualClock, type SolidSource, type ToyDecoderFactory, ToyEncoderDevice, ToySink } from '@paravideo/core/testing';

/** What makes the device of a guest. */
export interface GuestParts {
  readonly arena: HeapArena;
  readonly access: BufferAccess;
  /** the same, for codecs that read and write in this heap themselves */
  readonly heap: HeapAccess;
  readonly factory: ToyDecoderFactory;
  readonly clock: ManualClock;
  readonly source: SolidSource;
  readonly limits: Partial<DeviceLimits>;
}

/** A kind of device to fuzz. */
export interface DeviceKind {
  readonly name: string;
  /** V4L2_BUF_TYPE_* of its queues */
  readonly types: readonly number[];
  /** whether its pictures have a size of the source's list */
  readonly listed: boolean;
  make(parts: GuestParts): MediaDevice;
  /** The codecs of a device die; default: those of the factory. */
  kill?(device: MediaDevice): void;
}

/** Each of them. */
export const KINDS: readonly DeviceKind[] = [
  {
    name: 'capture',
    types: [V4L2_BUF_TYPE_VIDEO_CAPTURE],
    listed: true,
    make: ({ source, arena, access, clock, limits }) => new CaptureDevice({ source, buffers: arena, access, clock, limits }),
  },
  {
    name: 'capture-multi',
    types: [V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE],
    listed: true,
    make: ({ source, arena, access, clock, limits }) =>
      new CaptureDevice({ source, buffers: arena, access, clock, limits, planar: 'multi' }),
  },
  {
    name: 'output',
    types: [V4L2_BUF_TYPE_VIDEO_OUTPUT],
    listed: false,
    make: ({ arena, access, clock, limits }) => new OutputDevice({ sink: new ToySink(1), buffers: arena, access, clock, limits }),
  },
  {
    name: 'output-multi',
    types: [V4L2_BUF_TYPE_VIDEO_OUTPUT_MPLANE],
    listed: false,
    make: ({ arena, access, clock, limits }) =>
      new OutputDevice({ sink: new ToySink(1), buffers: arena, access, clock, limits, planar: 'multi' }),
  },
  {
    name: 'decoder',
    types: [V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE, V4L2_BUF_TYPE_VIDEO_OUTPUT_MPLANE],
    listed: false,
    make: ({ factory, arena, clock, limits }) => new DecoderDevice({ factory, buffers: arena, clock, limits }),
  },
  {
    name: 'encoder',
    types: [V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE, V4L2_BUF_TYPE_VIDEO_OUTPUT_MPLANE],
    listed: false,
    make: ({ arena, heap, clock, limits }) => new ToyEncoderDevice({ buffers: arena, clock, limits }, heap),
    kill: (device) => (device as ToyEncoderDevice).kill(),
  },
];
