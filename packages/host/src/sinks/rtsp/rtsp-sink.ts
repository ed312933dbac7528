// SPDX-License-Identifier: Apache-2.0
/**
 * What is played as an RTSP server: H.264, made into packets in the recorder's process, handed on to every client here. Nothing is
 * encoded while no client plays.
 *
 *     recorder's process ── RTP packets, one by one ──▶ event loop ──▶ clients
 */
import { createServer, type Server } from 'node:net';
import type { PlayedPicture } from '@paravideo/core';
import { z } from 'zod';
import { AV_INSTALL_COMMAND, avInstalled } from '../../av/index.ts';
import { type Fd, receive, setBlocking, socketpair, watch } from '../../sys/index.ts';
import { hostAndPort, listenAddress } from '../listen-address.ts';
import { RECORDED_FORMATS, Recorder, recordedBytes } from '../recorder/index.ts';
import type { OutputSink, SinkAdapter, SinkParts, SinkPlay } from '../sink-adapter.ts';
import { SinkError } from '../sink-error.ts';
import { RtspClient } from './rtsp-client.ts';

/** Clients at a time. */
const MOST_CLIENTS = 16;
/** Packets that are handed on in one turn of the event loop. */
const PACKETS_A_TURN = 64;
const PACKET_BYTES = 2048;

/** See CONFIG.md. */
export interface RtspSinkSettings {
  readonly rtsp: number | string;
}

class RtspSink implements OutputSink {
  readonly formats = RECORDED_FORMATS;
  readonly frameBytes = recordedBytes;
  readonly #parts: SinkParts;
  readonly #server: Server;
  readonly #recorder: Recorder;
  readonly #clients = new Set<RtspClient>();

  private constructor(parts: SinkParts, server: Server) {
    this.#parts = parts;
    this.#server = server;
    this.#recorder = new Recorder({ kind: 'h264.rtp', log: parts.log, copies: parts.copies });
    server.on('connection', (socket) => {
      const from = `${socket.remoteAddress}`;
      const client = new RtspClient(socket, (reason) => {
        this.#clients.delete(client);
        parts.log.info({ client: from, reason }, 'an RTSP client has gone');
      });
      this.#clients.add(client);
      parts.log.info({ client: from }, 'an RTSP client came');
    });
  }

  /** Rejects with `SinkError` where it cannot listen. */
  static async listen(host: string, port: number, parts: SinkParts): Promise<RtspSink> {
    const server = createServer();
    server.maxConnections = MOST_CLIENTS;
    await new Promise<void>((listening, failed) => {
      server.once('error', (error) => failed(new SinkError(`rtsp://${host}:${port}: ${error.message}`)));
      server.listen({ host, port }, listening);
    });
    const address = server.address();
    parts.log.info({ address }, 'an RTSP server listens');
    return new RtspSink(parts, server);
  }

  begin(picture: PlayedPicture): SinkPlay {
    const [ours, theirs] = socketpair('packets');
    setBlocking(theirs);
    const watching = watch(ours, () => this.#relay(ours));
    const play = this.#recorder.record(picture, {
      output: theirs,
      ended: ({ fault }) => {
        watching[Symbol.dispose]();
        ours.close();
        if (fault !== undefined) this.#parts.log.warn({ reason: fault }, 'what is played goes to no RTSP client any more');
      },
    });
    return {
      wantsFrame: () => this.#watched && play.wantsFrame(),
      frame: (frame) => play.frame(frame),
      end: () => {
        play.end();
        for (const client of [...this.#clients]) if (client.playing) client.close('the guest has ended playing');
      },
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    for (const client of [...this.#clients]) client.close('the daemon ends');
    await this.#recorder[Symbol.asyncDispose]();
    await closed;
  }

  get #watched(): boolean {
    for (const client of this.#clients) if (client.playing) return true;
    return false;
  }

  #relay(from: Fd): void {
    for (let i = 0; i < PACKETS_A_TURN; i += 1) {
      const packet = new Uint8Array(PACKET_BYTES);
      const got = receive(from, packet, 0);
      if (got === 'again' || got === 'closed') return;
      for (const client of this.#clients) client.send(packet.subarray(0, got.bytes));
    }
  }
}

/** An RTSP server at a port of this machine, or at an address. */
export const rtspSinkAdapter: SinkAdapter<RtspSinkSettings> = {
  kind: 'rtsp',
  settings: z.strictObject({ rtsp: listenAddress }),
  open: async ({ rtsp }, parts) => {
    if (!avInstalled()) throw new SinkError(`an RTSP server needs the codec library node-av: ${AV_INSTALL_COMMAND}`);
    const { host, port } = hostAndPort(rtsp);
    return RtspSink.listen(host, port, parts);
  },
};
