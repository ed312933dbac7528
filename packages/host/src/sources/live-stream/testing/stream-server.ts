// SPDX-License-Identifier: Apache-2.0
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** What a server answers. */
export type Answer = (request: IncomingMessage, response: ServerResponse) => void;

/** A film of ten seconds in MPEG-TS, small pictures at 30 a second. */
export class Film implements Disposable {
  readonly folder = mkdtempSync(join(tmpdir(), 'pv-live-'));
  readonly path = join(this.folder, 'film.ts');

  constructor() {
    const input = ['-f', 'lavfi', '-i', 'testsrc2=size=160x120:rate=30', '-t', '10'];
    const coder = ['-c:v', 'libx264', '-preset', 'ultrafast', '-tune', 'zerolatency', '-g', '15', '-pix_fmt', 'yuv420p'];
    run(['-v', 'error', '-y', ...input, ...coder, '-f', 'mpegts', this.path]);
  }

  /** MD5 of each of its frames, as ffmpeg decodes them. */
  md5s(): ReadonlySet<string> {
    const { stdout } = run(['-v', 'error', '-i', this.path, '-pix_fmt', 'yuv420p', '-f', 'framemd5', '-']);
    const lines = stdout.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
    return new Set(lines.map((line) => line.split(',').at(-1)?.trim() ?? ''));
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true });
  }
}

function run(args: readonly string[]): { readonly stdout: string } {
  const { status, stdout, stderr } = spawnSync('ffmpeg', args, { encoding: 'utf8' });
  if (status !== 0) throw new TypeError(`ffmpeg ${args.join(' ')}: ${stderr}`);
  return { stdout };
}

/** An encoder that sends a film for ever to where FFmpeg writes, in its own time, and begins anew when it is broken off. */
export class Sender implements AsyncDisposable {
  readonly #film: Film;
  readonly #to: string;
  #child: ChildProcess | undefined;

  constructor(film: Film, to: string) {
    this.#film = film;
    this.#to = to;
    this.#begin();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
  }

  #begin(): void {
    const input = ['-re', '-stream_loop', '-1', '-i', this.#film.path];
    const child = spawn('ffmpeg', ['-v', 'error', ...input, '-c', 'copy', '-f', 'mpegts', this.#to], { stdio: 'ignore' });
    this.#child = child;
    child.once('exit', () => {
      if (this.#child === child) this.#begin();
    });
  }
}

/** A web server on loopback, whose port stays the same over `stop` and `start`. */
export class StreamServer implements AsyncDisposable {
  readonly #answer: Answer;
  readonly #tls: { readonly key: string; readonly cert: string } | undefined;
  readonly #children = new Set<ChildProcess>();
  #server: Server | undefined;
  #port = 0;

  constructor(answer: Answer, tls?: { readonly key: string; readonly cert: string }) {
    this.#answer = answer;
    this.#tls = tls;
  }

  /** A server of a film that it begins anew for each who asks, as fast as it is to be shown. */
  static ofFilm(film: Film): StreamServer {
    const server = new StreamServer((_request, response) => server.play(film, response));
    return server;
  }

  get port(): number {
    return this.#port;
  }

  url(path = '/film.ts'): string {
    return `${this.#tls === undefined ? 'http' : 'https'}://127.0.0.1:${this.#port}${path}`;
  }

  async start(): Promise<void> {
    this.#server = this.#tls === undefined ? createServer(this.#answer) : createTlsServer(this.#tls, this.#answer);
    this.#server.listen(this.#port, '127.0.0.1');
    await once(this.#server, 'listening');
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  /** Sends the film for ever, in its own time. */
  play(film: Film, response: ServerResponse): void {
    const args = ['-v', 'error', '-re', '-stream_loop', '-1', '-i', film.path, '-c', 'copy', '-f', 'mpegts', '-'];
    const child = spawn('ffmpeg', args, { stdio: ['ignore', 'pipe', 'ignore'] });
    this.#children.add(child);
    child.once('exit', () => this.#children.delete(child));
    child.stdout.pipe(response);
    response.once('close', () => child.kill('SIGKILL'));
  }

  /** Cuts all connections, and refuses others. */
  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server === undefined) return;
    const closed = once(server, 'close');
    server.close();
    server.closeAllConnections();
    await closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    for (const child of this.#children) child.kill('SIGKILL');
  }
}
