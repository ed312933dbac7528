// SPDX-License-Identifier: Apache-2.0
import { FITS, type Fit } from '@paravideo/core';
import { z } from 'zod';
import { LinuxClock } from '../clock/index.ts';
import { openLibcamera } from './libcamera/index.ts';
import { lavfiAdapter, screenAdapter, urlAdapter } from './live-stream/index.ts';
import { openMediaFile } from './media-file/index.ts';
import { patternAdapter } from './pattern/index.ts';
import { playedAdapter } from './played-source.ts';
import { RAW_ADAPTERS } from './raw-frames/index.ts';
import { openSlides } from './slides/index.ts';
import type { SourceAdapter } from './source-adapter.ts';
import { openV4l2Camera, type PinnedMode, parseMode } from './v4l2-camera/index.ts';

/** A media file, by its path. */
export const fileAdapter: SourceAdapter<{ file: string; fit?: Fit | undefined }> = {
  kind: 'file',
  fits: true,
  absent: 'never',
  settings: z.strictObject({ file: z.string().min(1), fit: z.enum(FITS).optional() }),
  anchored: (written, anchor) => ({ ...written, file: anchor(written.file) }),
  open: ({ file, fit }, { log }) => openMediaFile(file, { log, ...(fit === undefined ? {} : { fit }) }),
};

/** The pictures of a folder, one after another, by its path. */
export const slidesAdapter: SourceAdapter<{
  slides: string;
  seconds?: number | undefined;
  fit?: Fit | undefined;
  card?: string | undefined;
}> = {
  kind: 'slides',
  fits: true,
  settings: z.strictObject({
    slides: z.string().min(1),
    seconds: z.number().min(1).max(86_400).optional(),
    fit: z.enum(FITS).optional(),
    card: z.string().min(1).optional(),
  }),
  anchored: (written, anchor) => ({ ...written, slides: anchor(written.slides) }),
  open: ({ slides, ...shown }, { log }) => openSlides(slides, { log, ...shown }),
};

const pinnedMode = z.string().transform((text, context) => {
  const mode = parseMode(text);
  if (mode !== undefined) return mode;
  context.addIssue({ code: 'custom', message: 'must look like 1280x720, 1280x720@30 or 1280x720@30 MJPG' });
  return z.NEVER;
});

/** A V4L2 camera of this machine, by the path of its node, its name or its serial number. */
export const deviceAdapter: SourceAdapter<{ device: string; card?: string | undefined; mode?: PinnedMode | undefined }> = {
  kind: 'device',
  settings: z.strictObject({ device: z.string().min(1), card: z.string().min(1).optional(), mode: pinnedMode.optional() }),
  open: ({ device, card, mode }, { log }) => openV4l2Camera(device, { log, card, mode }),
};

/** A camera that libcamera knows, by its id, its name, its model, or where it is. */
export const libcameraAdapter: SourceAdapter<{ libcamera: string; card?: string | undefined; fps?: number | undefined }> = {
  kind: 'libcamera',
  settings: z.strictObject({
    libcamera: z.string().min(1),
    card: z.string().min(1).optional(),
    fps: z.number().int().min(1).max(120).optional(),
  }),
  open: ({ libcamera, card, fps }, { log }) => openLibcamera(libcamera, { log, clock: new LinuxClock(), card, fps }),
};

/** The kinds of sources that a configuration can name unless it is told of others. */
export const SOURCE_ADAPTERS: readonly SourceAdapter[] = [
  patternAdapter,
  fileAdapter,
  slidesAdapter,
  deviceAdapter,
  libcameraAdapter,
  urlAdapter as SourceAdapter,
  screenAdapter as SourceAdapter,
  lavfiAdapter,
  ...RAW_ADAPTERS,
  playedAdapter,
];
