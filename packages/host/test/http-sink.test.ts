// SPDX-License-Identifier: Apache-2.0
/** What a guest plays as pictures over HTTP: for a browser's image, for ffmpeg, for clients that are slow, many or make no sense. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { type IncomingMessage, request } from 'node:http';
import { createConnection, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fourcc, type OutputClient } from '@paravideo/core';
import { afterEach, describe, expect, it } from 'vitest';
import type { DaemonProcess } from '../src/daemon/index.ts';
import { psnr } from './decoded-film.ts';
import { freePort } from './free-port.ts';
import { OutputRig } from './output-rig.ts';
import { HEIGHT, PICTURES, PIXELS, WIDTH } from './played-pictures.ts';

const rig = new OutputRig();
afterEach(() => rig.close());

const REQUEST = { pixelformat: fourcc('YU12'), width: WIDTH, height: HEIGHT, interval: { numerator: 1, denominator: 50 } };
const SOON = { timeout: 30_000 };

async function serve(): Promise<{ daemon: DaemonProcess; port: number }> {
  const port = await freePort();
  const daemon = await rig.serve([{ kind: 'output', name: 'wall', size: `${WIDTH}x${HEIGHT}`, sinks: [{ http: port }] }]);
  return { daemon, port };
}

/** Plays the pictures over and over until what is awaited has come about. */
async function playUntil<T>(client: OutputClient, awaited: Promise<T>): Promise<T> {
  let over = false;
  const end = awaited.finally(() => {
    over = true;
  });
  end.catch(() => {});
  for (let i = 0; !over; i += 1) await client.write(PICTURES[i % PICTURES.length] as Uint8Array);
  return await end;
}

interface Asking {
  readonly headers?: Record<string, string>;
  readonly method?: string;
}

/** A request whose answer has begun. */
async function begun(port: number, path: string, { headers = {}, method = 'GET' }: Asking = {}) {
  const asked = request({ host: '127.0.0.1', port, path, method, headers, agent: false }).end();
  const [response] = (await once(asked, 'response')) as [IncomingMessage];
  return { asked: asked.on('error', () => {}), response };
}

/** Reads as much of a body as `enough` wants. */
async function bodyOf(response: IncomingMessage, enough: (body: Buffer) => boolean): Promise<Buffer> {
  let body = Buffer.alloc(0);
  for await (const piece of response) {
    body = Buffer.concat([body, piece as Buffer]);
    if (enough(body)) break;
  }
  return body;
}

/** The answer to a request, whose body is read as far as `enough` wants it. */
async function ask(port: number, path: string, how: Asking = {}, enough = (_body: Buffer): boolean => false) {
  const { asked, response } = await begun(port, path, how);
  const body = await bodyOf(response, enough);
  asked.destroy();
  return { status: response.statusCode, headers: response.headers, body };
}

/** Which of the pictures these are, by their luma; each has to be close to one. */
function placesOf(luma: Buffer): number[] {
  return Array.from({ length: luma.length / PIXELS }, (_, i) => {
    const ratios = PICTURES.map((one) => psnr(luma.subarray(i * PIXELS, (i + 1) * PIXELS), one.subarray(0, PIXELS)));
    const best = Math.max(...ratios);
    expect(best).toBeGreaterThan(35);
    return ratios.indexOf(best);
  });
}

/** What ffmpeg makes of an address or of JPEG on its standard input: luma, of the range in which it was played. */
async function seenByFfmpeg(input: readonly string[], frames: number, bytes?: Buffer): Promise<Buffer> {
  const folder = mkdtempSync(join(tmpdir(), 'pv-http-'));
  rig.cleanups.push(() => rmSync(folder, { recursive: true, force: true }));
  const to = join(folder, 'luma');
  const output = ['-frames:v', `${frames}`, '-vf', 'scale=out_range=limited,format=yuv420p', '-f', 'rawvideo', '-y', to];
  const child = spawn('ffmpeg', ['-v', 'error', ...input, ...output], {
    stdio: [bytes === undefined ? 'ignore' : 'pipe', 'inherit', 'inherit'],
  });
  child.stdin?.end(bytes);
  const [status] = await once(child, 'close');
  expect(status).toBe(0);
  const all = readFileSync(to);
  const size = PIXELS * 1.5;
  return Buffer.concat(Array.from({ length: all.length / size }, (_, i) => all.subarray(i * size, i * size + PIXELS)));
}

describe('an HTTP server', () => {
  it('shows what is played to ffmpeg, also what another guest plays after it', async () => {
    const { daemon, port } = await serve();
    const { client } = await rig.player(daemon.socket('wall'), REQUEST);
    const looking = seenByFfmpeg(['-i', `http://127.0.0.1:${port}/`], 60);
    await expect.poll(() => daemon.log, SOON).toContain('an HTTP client looks');
    for (let i = 0; i < 30; i += 1) await client.write(PICTURES[i] as Uint8Array);
    await client.stop();
    await client.start();
    const seen = placesOf(await playUntil(client, looking));
    expect(seen.length).toBe(60);
    // In order, but for the second beginning and each end of the list.
    const back = seen.filter((at, i) => i > 0 && at <= (seen[i - 1] ?? 0)).length;
    expect(back).toBeLessThanOrEqual(4);
    expect(await daemon.stop()).toBe(0);
  });

  it('gives a picture when one is played, and says 503 when none is', async () => {
    const { daemon, port } = await serve();
    expect((await ask(port, '/snapshot.jpg')).status).toBe(503);
    const { client } = await rig.player(daemon.socket('wall'), REQUEST);
    await client.write(PICTURES[0] as Uint8Array);
    const { status, headers, body } = await playUntil(client, ask(port, '/snapshot.jpg'));
    expect([status, headers['content-type'], headers['content-length']]).toEqual([200, 'image/jpeg', `${body.length}`]);
    expect(placesOf(await seenByFfmpeg(['-f', 'jpeg_pipe', '-i', '-'], 1, body)).length).toBe(1);
  });

  it('has a page for browsers, in parts that they show at once, and what they need to keep others out', async () => {
    const { daemon, port } = await serve();
    const page = await ask(port, '/', { headers: { accept: 'text/html,*/*' } });
    expect(page.body.toString()).toContain('<img src="/stream.mjpg"');
    expect(page.headers['content-security-policy']).toContain("default-src 'none'");
    const { client } = await rig.player(daemon.socket('wall'), REQUEST);
    const twice = (body: Buffer): boolean => body.toString('latin1').split('--paravideo-picture\r\n').length > 3;
    const { headers, body } = await playUntil(client, ask(port, '/stream.mjpg', {}, twice));
    expect(headers).toMatchObject({
      'content-type': 'multipart/x-mixed-replace; boundary=paravideo-picture',
      'cross-origin-resource-policy': 'same-site',
      'cache-control': 'no-store',
    });
    const [, first = ''] = body.toString('latin1').split('--paravideo-picture\r\n');
    const [head = '', coded = ''] = first.split('\r\n\r\n', 2);
    expect(head).toMatch(/^Content-Type: image\/jpeg\r\nContent-Length: \d+$/);
    expect(coded.startsWith('\xff\xd8')).toBe(true);
    const attack = { headers: { host: 'evil.example' } };
    expect((await ask(port, '/snapshot.jpg', attack)).status).toBe(421);
    expect((await ask(port, '/', { method: 'POST' })).status).toBe(405);
    expect((await ask(port, '/../etc/passwd')).status).toBe(404);
    expect((await ask(port, '/stream.mjpg', { method: 'HEAD' })).body.length).toBe(0);
  });

  it('leaves pictures out for who is slow, lets in as many as it may, and the guest plays on', async () => {
    const { daemon, port } = await serve();
    const { client } = await rig.player(daemon.socket('wall'), REQUEST);
    const slow = createConnection({ port, host: '127.0.0.1' });
    rig.cleanups.push(() => slow.destroy());
    await once(slow, 'connect');
    slow.pause();
    slow.write('GET /stream.mjpg HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await expect.poll(() => daemon.log, SOON).toContain('an HTTP client looks');
    const crowd = await Promise.all(Array.from({ length: 15 }, () => begun(port, '/stream.mjpg')));
    expect((await ask(port, '/stream.mjpg')).status).toBe(503);
    const enough = (body: Buffer): boolean => body.length > 200_000;
    const all = Promise.all(crowd.map(({ response }) => bodyOf(response, enough)));
    for (const { length } of await playUntil(client, all)) expect(length).toBeGreaterThan(200_000);
    for (const { asked } of crowd) asked.destroy();
    // Who goes makes room.
    const seen = async (): Promise<number> => {
      const { status, body } = await ask(port, '/stream.mjpg', {}, (part) => part.length > 1000);
      return status === 200 ? body.length : await seen();
    };
    expect(await playUntil(client, seen())).toBeGreaterThan(1000);
    expect(await daemon.stop()).toBe(0);
  });

  it.each([
    ['no HTTP', 'OPTIONS rtsp://x/ RTSP/1.0\r\n\r\n'],
    ['a head without an end', `GET / HTTP/1.1\r\nHost: localhost\r\nX: ${'x'.repeat(10_000)}`],
    ['two lengths', 'POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx'],
    ['a tunnel', 'CONNECT localhost:22 HTTP/1.1\r\nHost: localhost\r\n\r\n'],
    ['no host', 'GET /snapshot.jpg HTTP/1.1\r\n\r\n'],
    ['many requests at once', 'GET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n'.repeat(500)],
  ])('closes the connection of a client that sends %s', async (_what, text) => {
    const { daemon, port } = await serve();
    const socket = createConnection({ port, host: '127.0.0.1' });
    const closed = once(
      socket.on('error', () => {}).on('data', () => {}),
      'close',
    );
    socket.write(text);
    await closed;
    expect((await ask(port, '/snapshot.jpg')).status).toBe(503);
    expect(await daemon.stop()).toBe(0);
  });

  it('is refused at the start where its port is taken', async () => {
    const port = await freePort();
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
    rig.cleanups.push(() => new Promise((resolve) => server.close(resolve)));
    await expect(rig.serve([{ kind: 'output', name: 'wall', sinks: [{ http: port }] }])).rejects.toThrow('EADDRINUSE');
  });
});
