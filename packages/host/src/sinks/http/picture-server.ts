// SPDX-License-Identifier: Apache-2.0
/**
 * Pictures over HTTP, in the thread: `/` is a page for browsers and the stream for everybody else, `/stream.mjpg` the stream, and
 * `/snapshot.jpg` the next picture. Viewers of the stream stay from one guest that plays to the next.
 */
import { createServer, type IncomingMessage, type OutgoingHttpHeaders, type Server, type ServerResponse } from 'node:http';
import { refusalOf } from './asked-rightly.ts';
import { PAGE, PAGE_POLICY } from './page.ts';
import { STREAM_TYPE, Viewer } from './viewer.ts';

/** Viewers of the stream at a time. */
const MOST_VIEWERS = 16;
/** Connections at a time. */
const MOST_CONNECTIONS = 32;
/** Bytes of the head of a request. */
const MAX_HEAD = 8192;
/** Milliseconds in which a request has to be there, and in which some of an answer has to be taken. */
const ASK_WITHIN = 10_000;
/** Milliseconds that a snapshot waits for a picture. */
const PICTURE_WITHIN = 5000;
/** Milliseconds of silence after which the system asks whether a client is there still. */
const KEEP_ALIVE = 30_000;

const COMMON: OutgoingHttpHeaders = {
  'Cache-Control': 'no-store',
  Connection: 'close',
  // Pages of this host may show the picture, at other ports too; those of others may not.
  'Cross-Origin-Resource-Policy': 'same-site',
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
};

/** What a server tells. */
export interface PictureServerEvents {
  /** Somebody waits for pictures, or nobody does any more. */
  wanted(wanted: boolean): void;
  /** Somebody looks at the stream; `viewers`: how many do. */
  viewer(client: string, viewers: number): void;
}

/** See the top of the file. */
export class PictureServer {
  readonly #events: PictureServerEvents;
  readonly #server: Server;
  readonly #viewers = new Set<Viewer>();
  /** answers that the next picture belongs to */
  readonly #snapshots = new Set<ServerResponse>();
  #host = '';
  #playing = false;
  #wanted = false;

  constructor(events: PictureServerEvents) {
    this.#events = events;
    this.#server = createServer(
      {
        maxHeaderSize: MAX_HEAD,
        headersTimeout: ASK_WITHIN,
        requestTimeout: ASK_WITHIN,
        connectionsCheckingInterval: 1000,
        keepAlive: true,
        keepAliveInitialDelay: KEEP_ALIVE,
        noDelay: true,
      },
      (request, response) => this.#answer(request, response),
    );
    this.#server.timeout = ASK_WITHIN;
    this.#server.maxConnections = MOST_CONNECTIONS;
    this.#server.maxRequestsPerSocket = 1;
  }

  /** Resolves to where it listens. Rejects where it cannot. */
  async listen(host: string, port: number): Promise<string> {
    this.#host = host;
    await new Promise<void>((listening, failed) => {
      this.#server.once('error', failed);
      this.#server.listen({ host, port }, listening);
    });
    const address = this.#server.address();
    if (address === null || typeof address === 'string') return `${host}:${port}`;
    return address.family === 'IPv6' ? `[${address.address}]:${address.port}` : `${address.address}:${address.port}`;
  }

  /** Whether a guest plays. */
  set playing(playing: boolean) {
    this.#playing = playing;
    if (playing) return;
    for (const response of [...this.#snapshots]) this.#nothing(response);
  }

  /** A picture as JPEG: everybody's own from now on, not to be changed. */
  show(picture: Uint8Array): void {
    for (const viewer of this.#viewers) viewer.show(picture);
    for (const response of [...this.#snapshots]) {
      this.#snapshots.delete(response);
      response.writeHead(200, { ...COMMON, 'Content-Type': 'image/jpeg', 'Content-Length': picture.length }).end(picture);
    }
    this.#mind();
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const refusal = refusalOf(request.headers, this.#host);
    if (refusal !== undefined) return say(response, refusal.status, refusal.reason);
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      return say(response, 405, 'Pictures can be had by GET.', { Allow: 'GET, HEAD' });
    }
    const [path] = (request.url ?? '/').split('?', 1);
    switch (path) {
      case '/': {
        const page = /\btext\/html\b/.test(request.headers.accept ?? '');
        return page ? this.#page(response) : this.#stream(request, response, { Vary: 'Accept' });
      }
      case '/stream.mjpg':
        return this.#stream(request, response, {});
      case '/snapshot.jpg':
        return this.#snapshot(request, response);
      default:
        return say(response, 404, 'There are /, /stream.mjpg and /snapshot.jpg.');
    }
  }

  #page(response: ServerResponse): void {
    response
      .writeHead(200, {
        ...COMMON,
        Vary: 'Accept',
        'Content-Type': 'text/html; charset=utf-8',
        'Content-Security-Policy': PAGE_POLICY,
      })
      .end(PAGE);
  }

  #stream(request: IncomingMessage, response: ServerResponse, more: OutgoingHttpHeaders): void {
    if (this.#viewers.size >= MOST_VIEWERS) return say(response, 503, 'There are as many viewers as there may be.');
    response.writeHead(200, { ...COMMON, ...more, 'Content-Type': STREAM_TYPE });
    if (request.method === 'HEAD') return void response.end();
    // Between one guest that plays and the next there is silence.
    request.socket.setTimeout(0);
    const viewer = new Viewer(response);
    this.#viewers.add(viewer);
    response.on('close', () => {
      this.#viewers.delete(viewer);
      this.#mind();
    });
    this.#events.viewer(request.socket.remoteAddress ?? 'somebody who has gone', this.#viewers.size);
    this.#mind();
  }

  #snapshot(request: IncomingMessage, response: ServerResponse): void {
    if (request.method === 'HEAD') return void response.writeHead(200, { ...COMMON, 'Content-Type': 'image/jpeg' }).end();
    if (!this.#playing) return this.#nothing(response);
    const alarm = setTimeout(() => this.#nothing(response), PICTURE_WITHIN);
    this.#snapshots.add(response);
    response.on('close', () => {
      clearTimeout(alarm);
      this.#snapshots.delete(response);
      this.#mind();
    });
    this.#mind();
  }

  #nothing(response: ServerResponse): void {
    this.#snapshots.delete(response);
    say(response, 503, 'Nothing is played just now.', { 'Retry-After': 1 });
  }

  #mind(): void {
    const wanted = this.#viewers.size > 0 || this.#snapshots.size > 0;
    if (wanted === this.#wanted) return;
    this.#wanted = wanted;
    this.#events.wanted(wanted);
  }
}

function say(response: ServerResponse, status: number, text: string, more: OutgoingHttpHeaders = {}): void {
  response.writeHead(status, { ...COMMON, ...more, 'Content-Type': 'text/plain; charset=utf-8' }).end(`${text}\n`);
}
