// SPDX-License-Identifier: Apache-2.0
import { z } from 'zod';
import { LinuxClock } from '../../clock/index.ts';
import { FITS } from '../scaling/fit.ts';
import type { SourceAdapter } from '../source-adapter.ts';
import { openLiveStream } from './live-capture.ts';
import { MAX_LATENCY } from './live-settings.ts';
import { SCHEMES, schemeOf } from './stream-url.ts';

const settings = z.strictObject({
  url: z.string().refine((url) => schemeOf(url) !== undefined && !/\s|\0/.test(url), {
    message: `must be an address such as rtsp://host/path, and begin with ${Object.keys(SCHEMES).join(', ')}`,
  }),
  card: z.string().min(1).optional(),
  transport: z.enum(['tcp', 'udp']).optional(),
  latency: z.number().int().min(0).max(MAX_LATENCY).optional(),
  fit: z.enum(FITS).optional(),
  size: z
    .string()
    .regex(/^[1-9]\d{1,3}x[1-9]\d{1,3}$/, 'must look like 1280x720')
    .optional(),
  fps: z.number().min(1).max(120).optional(),
  keep: z.boolean().optional(),
  ca: z.string().min(1).optional(),
  insecure: z.boolean().optional(),
});

/** A live stream of the network, by its address. */
export const urlAdapter: SourceAdapter<z.infer<typeof settings>> = {
  kind: 'url',
  absent: 'no-signal',
  settings,
  anchored: (written, anchor) => (written.ca === undefined ? written : { ...written, ca: anchor(written.ca) }),
  open: ({ card, fit, size, fps, keep, ...reached }, { log }) => {
    const [width = 1280, height = 720] = size?.split('x').map(Number) ?? [];
    return openLiveStream(reached, { log, clock: new LinuxClock(), card, fit, size: { width, height }, fps, keep });
  },
};
