// SPDX-License-Identifier: Apache-2.0
/**
 * What is played as an HTTP server of JPEG, which every browser and most programs show. The pictures are coded as those of a camera are,
 * once for all who want them, and only while somebody looks.
 *
 *     converter's thread ── JPEG ──▶ event loop: says where it is ──▶ server's thread: copies it ──▶ clients
 */
import { type Frame, V4L2_PIX_FMT_MJPEG } from '@paravideo/core';
import { z } from 'zod';
import { AV_INSTALL_COMMAND, avInstalled } from '../../av/index.ts';
import { KeptThread } from '../../isolation/worker/index.ts';
import { hostAndPort, listenAddress } from '../listen-address.ts';
import type { OutputSink, SinkAdapter, SinkParts, SinkPlay } from '../sink-adapter.ts';
import { SinkError } from '../sink-error.ts';
import type { HttpAnswer, HttpRequest } from './http-messages.ts';

/** Pictures that the thread copies at a time; what comes meanwhile is left out. */
const MOST_COPYING = 2;
/** Milliseconds from one try to listen to the next. */
const LISTEN_AGAIN = 1000;

/** See CONFIG.md. */
export interface HttpSinkSettings {
  readonly http: number | string;
}

class HttpSink implements OutputSink {
  readonly formats = [V4L2_PIX_FMT_MJPEG];
  readonly #at: { readonly host: string; readonly port: number };
  readonly #log: SinkParts['log'];
  readonly #thread: KeptThread<HttpRequest, HttpAnswer>;
  readonly #copying = new Map<number, Frame>();
  readonly #listening = Promise.withResolvers<void>();
  #wanted = false;
  #playing = 0;
  #next = 1;
  #again: NodeJS.Timeout | undefined;

  private constructor(settings: HttpSinkSettings, { log }: SinkParts) {
    this.#at = hostAndPort(settings.http);
    this.#log = log;
    this.#thread = new KeptThread({
      module: './http-worker',
      base: import.meta.url,
      name: 'http',
      log,
      message: (answer) => this.#answered(answer),
      died: () => this.#died(),
      restarted: () => this.#listen(),
    });
    this.#listen();
  }

  /** Rejects with `SinkError` where it cannot listen. */
  static async listen(settings: HttpSinkSettings, parts: SinkParts): Promise<HttpSink> {
    const sink = new HttpSink(settings, parts);
    try {
      await sink.#listening.promise;
      return sink;
    } catch (error) {
      await sink[Symbol.asyncDispose]();
      throw error;
    }
  }

  begin(): SinkPlay {
    this.#tell(1);
    let open = true;
    return {
      wantsFrame: () => open && this.#wanted && this.#copying.size < MOST_COPYING,
      frame: (frame) => this.#take(frame),
      end: () => {
        if (open) this.#tell(-1);
        open = false;
      },
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearTimeout(this.#again);
    this.#thread.post({ kind: 'close' });
    await this.#thread.close();
    this.#letGo();
  }

  #listen(): void {
    this.#thread.busy = true;
    this.#thread.post({ kind: 'listen', ...this.#at });
    if (this.#playing > 0) this.#thread.post({ kind: 'playing', playing: true });
  }

  #tell(change: 1 | -1): void {
    this.#playing += change;
    this.#thread.post({ kind: 'playing', playing: this.#playing > 0 });
  }

  #take(frame: Frame): void {
    const [plane] = frame.planes;
    if (plane === undefined) return;
    const number = this.#next++;
    frame.retain();
    this.#copying.set(number, frame);
    this.#thread.post({ kind: 'frame', frame: number, plane });
  }

  #answered(answer: HttpAnswer): void {
    switch (answer.kind) {
      case 'listening':
        this.#log.info({ address: answer.address }, 'an HTTP server listens');
        return this.#listening.resolve();
      case 'refused':
        this.#log.warn({ reason: answer.reason }, 'an HTTP server cannot listen');
        // It has listened before, in a thread that died.
        this.#again = setTimeout(() => this.#listen(), LISTEN_AGAIN).unref();
        return this.#listening.reject(new SinkError(`http://${this.#at.host}:${this.#at.port}: ${answer.reason}`));
      case 'wanted':
        this.#wanted = answer.wanted;
        return;
      case 'viewer':
        this.#log.info({ client: answer.client, viewers: answer.viewers }, 'an HTTP client looks at what is played');
        return;
      case 'copied':
        this.#copying.get(answer.frame)?.release();
        this.#copying.delete(answer.frame);
    }
  }

  #died(): void {
    this.#wanted = false;
    this.#letGo();
  }

  #letGo(): void {
    for (const frame of this.#copying.values()) frame.release();
    this.#copying.clear();
  }
}

/** An HTTP server at a port of this machine, or at an address. */
export const httpSinkAdapter: SinkAdapter<HttpSinkSettings> = {
  kind: 'http',
  settings: z.strictObject({ http: listenAddress }),
  open: async (settings, parts) => {
    if (!avInstalled()) throw new SinkError(`an HTTP server needs the codec library node-av: ${AV_INSTALL_COMMAND}`);
    return await HttpSink.listen(settings, parts);
  },
};
