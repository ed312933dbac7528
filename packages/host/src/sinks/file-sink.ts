// SPDX-License-Identifier: Apache-2.0
/**
 * What is played as files: each time that a guest plays a file of its own, `film.mkv`, then `film-2.mkv`. None that exists is overwritten.
 */
import { openSync, rmSync } from 'node:fs';
import { extname } from 'node:path';
import type { PlayedPicture } from '@paravideo/core';
import { z } from 'zod';
import { AV_INSTALL_COMMAND, avInstalled } from '../av/index.ts';
import { Fd } from '../sys/index.ts';
import { LIMIT_REACHED, RECORDED_FORMATS, Recorder, type RecordingName, recordedBytes } from './recorder/index.ts';
import type { OutputSink, SinkAdapter, SinkParts, SinkPlay } from './sink-adapter.ts';
import { SinkError } from './sink-error.ts';

/** What a file holds, by the end of its name and the codec. */
const KINDS: Readonly<Record<string, Readonly<Record<string, RecordingName>>>> = {
  '.mkv': { h264: 'h264.mkv', ffv1: 'ffv1.mkv' },
  '.mp4': { h264: 'h264.mp4' },
  '.ts': { h264: 'h264.ts' },
  '.y4m': { raw: 'y4m' },
};
/** Bytes of all files of a sink together, unless told otherwise. */
const DEFAULT_LIMIT = 16 * 2 ** 30;
/** Files of a sink: a guest can begin to play as often as it likes. */
const MOST_FILES = 1000;

/** See CONFIG.md. */
export interface FileSinkSettings {
  readonly file: string;
  readonly codec?: 'h264' | 'ffv1' | undefined;
  readonly limit?: number | undefined;
}

class FileSink implements OutputSink {
  readonly formats = RECORDED_FORMATS;
  readonly frameBytes = recordedBytes;
  readonly #path: string;
  readonly #limit: number;
  readonly #parts: SinkParts;
  readonly #recorder: Recorder;
  #bytes = 0;
  #files = 0;

  constructor(settings: FileSinkSettings, kind: RecordingName, parts: SinkParts) {
    this.#path = settings.file;
    this.#limit = settings.limit ?? DEFAULT_LIMIT;
    this.#parts = parts;
    this.#recorder = new Recorder({ kind, log: parts.log, copies: parts.copies });
  }

  begin(picture: PlayedPicture): SinkPlay {
    const limit = this.#limit - this.#bytes;
    if (limit <= 0) throw new SinkError(`${this.#path}: ${LIMIT_REACHED}: raise limit, or start anew`);
    if (this.#files >= MOST_FILES) throw new SinkError(`${this.#path}: ${MOST_FILES} files were written: start anew`);
    const { path, output } = newFile(this.#path);
    this.#files += 1;
    const { log } = this.#parts;
    log.info({ file: path }, 'recording');
    return this.#recorder.record(picture, {
      output,
      limit,
      ended: ({ bytes, fault }) => {
        this.#bytes += bytes;
        if (bytes === 0) rmSync(path, { force: true });
        if (fault === undefined) log.info({ file: path, bytes }, 'recorded');
        else log.warn({ file: path, bytes, reason: fault }, 'a recording has ended early');
      },
    });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#recorder[Symbol.asyncDispose]();
  }
}

/** The first of `film.mkv`, `film-2.mkv`, … that does not exist, made for this user alone. Throws `SinkError`. */
function newFile(path: string): { readonly path: string; readonly output: Fd } {
  const ending = extname(path);
  const stem = path.slice(0, path.length - ending.length);
  for (let n = 1; ; n += 1) {
    const name = n === 1 ? path : `${stem}-${n}${ending}`;
    try {
      return { path: name, output: Fd.adopt(openSync(name, 'wx', 0o600)) };
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      if (code !== 'EEXIST') throw new SinkError(`${name} cannot be made: ${message}`);
    }
  }
}

/** A file, by its path. */
export const fileSinkAdapter: SinkAdapter<FileSinkSettings> = {
  kind: 'file',
  settings: z.strictObject({
    file: z.string().min(1),
    codec: z.enum(['h264', 'ffv1']).optional(),
    limit: z.int().min(1).optional(),
  }),
  anchored: (settings, anchor) => ({ ...settings, file: anchor(settings.file) }),
  open: (settings, parts) => {
    const { file, codec } = settings;
    const kinds = KINDS[extname(file).toLowerCase()];
    if (kinds === undefined) throw new SinkError(`${file}: the name of a film ends in ${Object.keys(KINDS).join(', ')}`);
    const kind = codec === undefined ? Object.values(kinds)[0] : kinds[codec];
    if (kind === undefined)
      throw new SinkError(`${file}: such a file holds ${Object.keys(kinds).join(' or ')}, and not ${codec}`);
    if (kind !== 'y4m' && !avInstalled()) {
      throw new SinkError(`${file}: films need the codec library node-av: ${AV_INSTALL_COMMAND} (.y4m does without)`);
    }
    return new FileSink(settings, kind, parts);
  },
};
