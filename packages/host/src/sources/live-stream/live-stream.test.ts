// SPDX-License-Identifier: Apache-2.0
/** Live streams as captures: of servers that work, that go and come back, and that mean harm. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { V4L2_PIX_FMT_YUV420 } from '@paravideo/core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { mappingsOf, openDescriptors } from '../../sys/index.ts';
import { withLandlock } from '../../sys/testing/with-landlock.ts';
import { urlAdapter } from './live-adapters.ts';
import { schemeOf, shownUrl } from './stream-url.ts';
import { LiveRig } from './testing/live-rig.ts';
import { Film, Sender, StreamServer } from './testing/stream-server.ts';

const pem = (name: string): string => fileURLToPath(new URL(`./testing/tls/${name}.pem`, import.meta.url));

const cleanups: AsyncDisposable[] = [];
afterEach(async () => {
  for (const each of cleanups.splice(0).reverse()) await each[Symbol.asyncDispose]();
});

function rig(): LiveRig {
  const made = new LiveRig();
  cleanups.push(made);
  return made;
}

/** A port of this machine that nobody has. */
async function freePort(kind: 'tcp' | 'udp'): Promise<number> {
  const taken = kind === 'tcp' ? createServer().listen(0, '127.0.0.1') : createSocket('udp4').bind(0, '127.0.0.1');
  await once(taken, 'listening');
  const { port } = taken.address() as AddressInfo;
  const closed = once(taken, 'close');
  taken.close();
  await closed;
  return port;
}

async function serve(server: StreamServer): Promise<StreamServer> {
  cleanups.push(server);
  await server.start();
  return server;
}

describe('the address of a live stream', () => {
  it.each([
    ['rtsp://user:geheim@camera.example:554/stream?key=1', 'rtsp', 'rtsp://camera.example:554/stream'],
    ['HTTPS://camera.example/a.m3u8#x', 'https', 'HTTPS://camera.example/a.m3u8'],
    ['srt://127.0.0.1:9000?passphrase=geheim', 'srt', 'srt://127.0.0.1:9000'],
    ['udp://@239.0.0.1:1234', 'udp', 'udp://239.0.0.1:1234'],
  ])('%s has a scheme, and is shown without what is secret', (url, scheme, shown) => {
    expect([schemeOf(url), shownUrl(url)]).toEqual([scheme, shown]);
  });

  it.each([
    'file:///etc/passwd',
    'concat:http://a/|b',
    '/dev/video0',
    'ftp://host/a',
    'rtsp://',
    'http://a b/',
    'constructor://a',
  ])('%s is refused', (url) => {
    const { success } = urlAdapter.settings?.safeParse({ url }) ?? { success: true };
    expect(success).toBe(false);
  });
});

describe.runIf(withLandlock)('a live stream', () => {
  let film: Film;
  beforeAll(() => {
    film = new Film();
  });
  afterAll(() => film[Symbol.dispose]());

  it('is a camera of its own size and rate, whose frames are those that were sent, in their own time', async () => {
    const server = await serve(StreamServer.ofFilm(film));
    const live = rig();
    await live.open({ url: server.url() });
    await live.untilPresent();
    expect(live.capture.modes).toMatchObject({
      formats: [V4L2_PIX_FMT_YUV420],
      defaultSize: { width: 160, height: 120 },
      defaultInterval: { numerator: 1, denominator: 30 },
    });
    live.stream();
    await live.untilFrames(90);
    const known = film.md5s();
    expect(live.taken.filter(({ md5 }) => !known.has(md5))).toEqual([]);
    for (const [n, { sequence, timestamp }] of live.taken.entries()) {
      const before = live.taken[n - 1];
      if (before === undefined) continue;
      expect(sequence).toBeGreaterThan(before.sequence);
      expect(timestamp).toBeGreaterThan(before.timestamp);
    }
    // Once it has settled nothing comes in a burst, however slow the machine is.
    const [first, last] = [live.taken[50], live.taken[89]];
    if (first === undefined || last === undefined) throw new TypeError('no frames');
    const intervals = (last.timestamp - first.timestamp) / (1e6 / 30);
    expect(intervals).toBeGreaterThan(0.95 * (last.sequence - first.sequence));
  });

  it.each([
    ['udp', 'udp://127.0.0.1:PORT?pkt_size=1316'],
    ['tcp', 'tcp://127.0.0.1:PORT?listen=1'],
    ['srt', 'srt://127.0.0.1:PORT?mode=listener'],
  ])('comes over %s from an encoder that sends it', async (scheme, to) => {
    const port = await freePort(scheme === 'tcp' ? 'tcp' : 'udp');
    cleanups.push(new Sender(film, to.replace('PORT', String(port))));
    const live = rig();
    await live.open({ url: `${scheme}://127.0.0.1:${port}` });
    await live.untilPresent();
    live.stream();
    const known = film.md5s();
    // What UDP loses on a busy machine is missing in a picture or two.
    await live.until(() => live.taken.filter(({ md5 }) => known.has(md5)).length >= 20);
  });

  it('is away when its server is cut off, and comes back by itself with numbers that go on', async () => {
    const server = await serve(StreamServer.ofFilm(film));
    const live = rig();
    await live.open({ url: server.url() });
    for (let round = 0; round < 3; round += 1) {
      await live.untilPresent();
      live.stream();
      await live.untilFrames(live.taken.length + 5);
      await server.stop();
      await live.until(() => live.capture.absent !== undefined);
      live.stopStreaming();
      await server.start();
    }
    const numbers = live.taken.map(({ sequence }) => sequence);
    expect(numbers).toEqual(numbers.toSorted((a, b) => a - b));
    expect(new Set(numbers).size).toBe(numbers.length);
    expect(live.told.filter((line) => line.startsWith('a live stream is not there')).length).toBeGreaterThanOrEqual(3);
  });

  it('is given up while nobody streams, and is there again as soon as somebody does', async () => {
    const connections = { now: 0, ever: 0 };
    const server = new StreamServer((_request, response) => {
      connections.now += 1;
      connections.ever += 1;
      response.once('close', () => {
        connections.now -= 1;
      });
      server.play(film, response);
    });
    await serve(server);
    const live = rig();
    await live.open({ url: server.url() }, { linger: 1 });
    await live.untilPresent();
    await expect.poll(() => connections.now, { timeout: 60_000 }).toBe(0);
    expect(live.capture.absent).toBeUndefined();
    const before = connections.ever;
    live.stream();
    await live.untilFrames(3);
    expect(connections).toEqual({ now: 1, ever: before + 1 });
  });

  it('that is fetched is shown at its own pace and from the beginning again, with what it names by addresses of its own', async () => {
    const segment = readFileSync(film.path);
    const list = '#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10.0,\nfilm.ts\n#EXT-X-ENDLIST\n';
    const server = new StreamServer(({ url }, response) => {
      response.end(url === '/list.m3u8' ? list : url === '/film.ts' ? segment : '');
    });
    await serve(server);
    const live = rig();
    await live.open({ url: server.url('/list.m3u8') });
    await live.untilPresent();
    const begun = performance.now();
    live.stream();
    await live.untilFrames(320);
    // 320 frames of a film of 300, of which a few were shown before: not as fast as they can be fetched.
    expect(performance.now() - begun).toBeGreaterThan(9_000);
    const known = film.md5s();
    expect(live.taken.filter(({ md5 }) => !known.has(md5))).toEqual([]);
    expect(new Set(live.taken.slice(-320).map(({ md5 }) => md5)).size).toBeLessThanOrEqual(300);
  });

  it('is begun and ended a thousand times, and nothing is left of it', async () => {
    const server = await serve(StreamServer.ofFilm(film));
    const live = rig();
    await live.open({ url: server.url() }, { keep: true });
    await live.untilPresent();
    const round = async (): Promise<void> => {
      live.stream();
      await live.untilFrames(live.taken.length + 1);
      live.stopStreaming();
    };
    await round();
    const before = [openDescriptors(), mappingsOf('paravideo-live')];
    for (let start = 0; start < 1000; start += 1) {
      if (start % 100 === 0) await round();
      live.stream();
      live.stopStreaming();
    }
    await round();
    expect([openDescriptors(), mappingsOf('paravideo-live')]).toEqual(before);
  });

  it('over TLS comes from whom a certificate vouches for, and from nobody else unless told', async () => {
    const tls = { key: readFileSync(pem('key'), 'utf8'), cert: readFileSync(pem('cert'), 'utf8') };
    const server = new StreamServer((_request, response) => server.play(film, response), tls);
    await serve(server);
    const url = server.url().replace('127.0.0.1', 'localhost');
    const stranger = rig();
    await stranger.open({ url });
    await stranger.until(() => stranger.told.some((line) => line.includes('certificate')));
    expect(stranger.capture.absent).toBeDefined();
    const trusting = rig();
    await trusting.open({ url, ca: pem('cert') });
    await trusting.untilPresent();
    const careless = rig();
    await careless.open({ url, insecure: true });
    await careless.untilPresent();
  });

  it('says why it is not there, and what to do, without its secrets', async () => {
    const server = new StreamServer(({ url }, response) => {
      response.statusCode = url === '/locked' ? 401 : url === '/film' ? 200 : 404;
      response.end(url === '/film' ? 'this is not a film '.repeat(1000) : undefined);
    });
    await serve(server);
    const secret = (path: string): string => server.url(path).replace('http://', 'http://me:geheim@');
    for (const [path, words] of [
      ['/locked', 'name:password@host'],
      ['/nothing', '404'],
      ['/film', 'no stream of a kind'],
    ] as const) {
      const live = rig();
      await live.open({ url: secret(path) });
      await live.until(() => live.told.some((line) => line.includes(words)));
      expect(live.capture.absent).toContain(words);
      expect(live.told.join('\n')).not.toContain('geheim');
    }
    await server.stop();
    const live = rig();
    await live.open({ url: secret('/film') });
    await live.until(() => live.told.some((line) => line.includes('ECONNREFUSED')));
  });

  it('neither reads files for its server, nor asks other protocols, nor follows it round and round', async () => {
    const asked: string[] = [];
    const list = (name: string): string => `#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1.0,\n${name}\n#EXT-X-ENDLIST\n`;
    const answers: Readonly<Record<string, string>> = {
      '/file': list(`file://${film.path}`),
      '/path': list(film.path),
      '/concat': list(`concat:${film.path}`),
      '/sub': list(`subfile,,start,0,end,0,,:${film.path}`),
      '/key': list('film.ts').replace('#EXTINF', `#EXT-X-KEY:METHOD=AES-128,URI="file://${film.path}"\n#EXTINF`),
    };
    const server = new StreamServer(({ url = '' }, response) => {
      asked.push(url);
      const answer = answers[url];
      if (answer !== undefined) response.end(answer);
      else if (url === '/round') response.writeHead(302, { location: '/round' }).end();
      else response.writeHead(302, { location: url === '/away' ? `file://${film.path}` : '/away' }).end();
    });
    await serve(server);
    for (const path of [...Object.keys(answers), '/away', '/round']) {
      const live = rig();
      await live.open({ url: server.url(path) });
      await live.until(() => live.told.some((line) => line.startsWith('a live stream is not there')));
      expect(live.capture.absent).toBeDefined();
      expect(live.taken).toEqual([]);
      await live[Symbol.asyncDispose]();
    }
    expect(asked.filter((url) => url === '/round').length).toBeLessThan(200);
  });

  it('of a server that never goes on is given up, and its end waits for nothing', async () => {
    const held: (() => void)[] = [];
    const server = new StreamServer((_request, response) => {
      response.write('G');
      held.push(() => response.destroy());
    });
    await serve(server);
    const live = rig();
    await live.open({ url: server.url() });
    await expect.poll(() => held.length, { timeout: 60_000 }).toBeGreaterThan(0);
    expect(live.capture.absent).toBe('it was not looked for yet');
    await live[Symbol.asyncDispose]();
    await server.stop();
  });
});
