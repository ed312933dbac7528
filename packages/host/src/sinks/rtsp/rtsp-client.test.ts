// SPDX-License-Identifier: Apache-2.0
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { RtspClient } from './rtsp-client.ts';

let server: Server;
const sockets: Socket[] = [];
beforeEach(async () => {
  server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
  server.close();
});

/** A connection, both ends, and why the server's end has gone. */
async function connected() {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const accepted = once(server, 'connection');
  const socket = connect(address.port, '127.0.0.1');
  const [own] = (await accepted) as [Socket];
  sockets.push(socket, own);
  const gone = Promise.withResolvers<string>();
  return { socket, client: new RtspClient(own, gone.resolve), gone: gone.promise };
}

const ask = (method: string, headers = ''): string => `${method} rtsp://host/video RTSP/1.0\r\nCSeq: 7\r\n${headers}\r\n`;
const PLAYING = ask('SETUP', 'Transport: RTP/AVP/TCP;interleaved=0-1\r\n') + ask('PLAY');
/** A packet of RTP with the parameters of a stream, and much behind them. */
const PACKET = Uint8Array.from({ length: 1400 }, (_, i) => (i === 12 ? 7 : 96));

describe('a client of an RTSP server', () => {
  it('gets packets from the first that has the parameters of the stream, as soon as it plays', async () => {
    const { socket, client } = await connected();
    client.send(PACKET);
    socket.write(PLAYING);
    await expect.poll(() => client.playing).toBe(true);
    client.send(PACKET.slice().fill(1, 12, 13));
    client.send(PACKET);
    const all: Buffer[] = [];
    socket.on('data', (bytes: Buffer) => all.push(bytes));
    await expect.poll(() => Buffer.concat(all).indexOf(PACKET)).toBeGreaterThan(0);
    const text = Buffer.concat(all);
    expect(text.toString('latin1').match(/RTSP\/1\.0 200 OK\r\nCSeq: 7/g)).toHaveLength(2);
    expect(text.length - text.indexOf(PACKET)).toBe(PACKET.length);
    expect([...text.subarray(text.indexOf(PACKET) - 4, text.indexOf(PACKET))]).toEqual([0x24, 0, 1400 >> 8, 1400 & 0xff]);
  });

  it('that does not take its packets is closed', async () => {
    const { socket, client, gone } = await connected();
    socket.write(PLAYING);
    await expect.poll(() => client.playing).toBe(true);
    socket.pause();
    for (let i = 0; i < 100_000 && client.playing; i++) client.send(PACKET);
    expect(await gone).toBe('it is too slow for what is played');
  });

  it('that asks without end and reads no answer is closed', async () => {
    const { socket, gone } = await connected();
    socket.pause();
    const flood = (): void => {
      while (!socket.destroyed && socket.write(ask('DESCRIBE').repeat(100)));
    };
    socket.on('error', () => {}).on('drain', flood);
    flood();
    expect(await gone).toBe('it asks and does not read the answers');
  });

  it('that speaks something else is closed', async () => {
    const { socket, gone } = await connected();
    socket.write('GET / HTTP/1.1\r\n\r\n');
    expect(await gone).toBe('that is no request of RTSP/1.0');
  });

  it('cannot play before it has said how', async () => {
    const { socket, client } = await connected();
    const answers: Buffer[] = [];
    socket.on('data', (bytes: Buffer) => answers.push(bytes));
    socket.write(ask('PLAY') + ask('SETUP', 'Transport: RTP/AVP;client_port=1-2\r\n') + ask('RECORD'));
    await expect.poll(() => Buffer.concat(answers).toString()).toContain('501 Not Implemented');
    expect(Buffer.concat(answers).toString()).toMatch(/455 Method Not Valid[\s\S]*461 Unsupported Transport/);
    expect(client.playing).toBe(false);
  });
});
