// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { MAX_REQUEST, RtspError, RtspReader } from './rtsp-request.ts';

const OPTIONS = 'OPTIONS rtsp://host/ RTSP/1.0\r\nCSeq: 1\r\n\r\n';
const read = (...pieces: readonly (string | Buffer)[]) => {
  const reader = new RtspReader();
  return pieces.flatMap((piece) => reader.push(Buffer.from(piece)));
};

describe('requests of RTSP', () => {
  it('are read whole, however they are cut into pieces', () => {
    const text = `${OPTIONS}SETUP rtsp://host/video RTSP/1.0\r\nCSeq: 2\r\nTransport : RTP/AVP/TCP\r\n\r\n`;
    for (const pieces of [[text], [...text]]) {
      const [options, setup, ...more] = read(...pieces);
      expect([options?.method, setup?.method, setup?.url, more]).toEqual(['OPTIONS', 'SETUP', 'rtsp://host/video', []]);
      expect([options?.headers.get('cseq'), setup?.headers.get('transport')]).toEqual(['1', 'RTP/AVP/TCP']);
    }
  });

  it('stand between packets and bodies, which are passed over', () => {
    const packet = Buffer.from([0x24, 1, 0, 5, ...Buffer.from('\r\n\r\nX')]);
    const body = 'GET_PARAMETER rtsp://host/ RTSP/1.0\r\nContent-Length: 7\r\n\r\nOPTIONS';
    const all = Buffer.concat([packet, Buffer.from(body), packet, Buffer.from(OPTIONS)]);
    const methods = (requests: ReturnType<typeof read>) => requests.map(({ method }) => method);
    expect(methods(read(all))).toEqual(['GET_PARAMETER', 'OPTIONS']);
    expect(methods(read(...[...all].map((byte) => Buffer.of(byte))))).toEqual(['GET_PARAMETER', 'OPTIONS']);
  });

  it.each([
    ['HTTP', 'GET / HTTP/1.1\r\n\r\n'],
    ['a line without an end', 'A'.repeat(MAX_REQUEST + 1)],
    ['headers without an end', `OPTIONS * RTSP/1.0\r\n${'X: y\r\n'.repeat(2000)}`],
    ['a body that is too long', 'OPTIONS * RTSP/1.0\r\nContent-Length: 1000000000\r\n\r\n'],
    ['a body of less than nothing', 'OPTIONS * RTSP/1.0\r\nContent-Length: -1\r\n\r\n'],
    ['a body of no number', 'OPTIONS * RTSP/1.0\r\nContent-Length: many\r\n\r\n'],
    ['a url with a line end in it', 'OPTIONS rtsp://a\rb RTSP/1.0\r\n\r\n'],
  ])('are refused: %s', (_title, text) => {
    expect(() => read(text)).toThrow(RtspError);
  });
});
