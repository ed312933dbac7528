// SPDX-License-Identifier: Apache-2.0
import { FITS, type Fit, type Fraction, intervalOf, type PictureSize } from '@paravideo/core';
import { z } from 'zod';
import { LinuxClock } from '../../clock/index.ts';
import type { SourceAdapter } from '../source-adapter.ts';
import { graphOrigin, MAX_GRAPH } from './graph-origin.ts';
import { openLiveStream } from './live-capture.ts';
import { MAX_LATENCY, networkOrigin } from './network-origin.ts';
import { screenOrigin } from './screen-origin.ts';
import { SCHEMES, schemeOf } from './stream-url.ts';

/** Guests see it. */
const card = z.string().min(1).optional();
const fps = z.number().min(1).max(120).optional();
const size = z
  .string()
  .regex(/^[1-9]\d{1,3}x[1-9]\d{1,3}$/, 'must look like 1280x720')
  .optional();

const fit = z.enum(FITS).optional();

interface Written {
  readonly size?: string | undefined;
  readonly fps?: number | undefined;
}

const sizeOf = (written: string): PictureSize => {
  const [width = 0, height = 0] = written.split('x').map(Number);
  return { width, height };
};

/** What is written of the pictures of a camera that was never seen. */
const expected = ({ size, fps }: Written): { size?: PictureSize; interval?: Fraction } => ({
  ...(size === undefined ? {} : { size: sizeOf(size) }),
  ...(fps === undefined ? {} : { interval: intervalOf(fps) }),
});

const settings = z.strictObject({
  url: z.string().refine((url) => schemeOf(url) !== undefined && !/\s|\0/.test(url), {
    message: `must be an address such as rtsp://host/path, and begin with ${Object.keys(SCHEMES).join(', ')}`,
  }),
  card,
  transport: z.enum(['tcp', 'udp']).optional(),
  latency: z.number().int().min(0).max(MAX_LATENCY).optional(),
  fit,
  size,
  fps,
  keep: z.boolean().optional(),
  ca: z.string().min(1).optional(),
  insecure: z.boolean().optional(),
});

/** A live stream of the network, by its address. */
export const urlAdapter: SourceAdapter<z.infer<typeof settings>> = {
  kind: 'url',
  absent: 'no-signal',
  fits: true,
  settings,
  expected,
  anchored: (written, anchor) => (written.ca === undefined ? written : { ...written, ca: anchor(written.ca) }),
  open: ({ card, fit, size, fps, keep, ...reached }, { log }) => {
    const shown = sizeOf(size ?? '1280x720');
    return openLiveStream(networkOrigin(reached), { log, clock: new LinuxClock(), card, fit, size: shown, fps, keep });
  },
};

/** What a graph of FFmpeg's filters makes. */
export const lavfiAdapter: SourceAdapter<{ lavfi: string; card?: string | undefined; fit?: Fit | undefined }> = {
  kind: 'lavfi',
  fits: true,
  settings: z.strictObject({ lavfi: z.string().min(1).max(MAX_GRAPH), card, fit }),
  open: ({ lavfi, card: name, fit: shape }, { log }) =>
    openLiveStream(graphOrigin(lavfi), { log, clock: new LinuxClock(), card: name, fit: shape }),
};

const place = z
  .string()
  .regex(/^\d{1,5},\d{1,5}$/, 'must look like 0,0')
  .optional();

const screen = z.strictObject({
  screen: z.string().min(1),
  card,
  fit,
  fps,
  size,
  at: place,
  pointer: z.boolean().optional(),
  authority: z.string().min(1).optional(),
});

/** A screen of an X server. */
export const screenAdapter: SourceAdapter<z.infer<typeof screen>> = {
  kind: 'screen',
  absent: 'no-signal',
  fits: true,
  settings: screen,
  expected,
  anchored: (written, anchor) =>
    written.authority === undefined ? written : { ...written, authority: anchor(written.authority) },
  open: ({ card: name, fit: shape, size: written, at, ...rest }, { log }) => {
    const shown = written === undefined ? undefined : sizeOf(written);
    const [x = 0, y = 0] = at?.split(',').map(Number) ?? [];
    const origin = screenOrigin({ ...rest, size: shown, at: at === undefined ? undefined : { x, y } });
    return openLiveStream(origin, { log, clock: new LinuxClock(), card: name, fit: shape, size: shown, fps: rest.fps });
  },
};
