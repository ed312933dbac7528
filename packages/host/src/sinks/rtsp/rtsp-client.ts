// SPDX-License-Identifier: Apache-2.0
/**
 * One client of an RTSP server, of which it gets one video stream over the connection itself (RFC 2326, section 10.12):
 *
 *     connected --SETUP--> ready --PLAY--> playing --PAUSE--> ready;   TEARDOWN, silence, a fault --> gone
 */
import { randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';
import { RtspError, RtspReader, type RtspRequest } from './rtsp-request.ts';

/** Bytes that may wait for a client: more, and it is too slow for what is played. */
export const MAX_WAITING = 4 * 2 ** 20;
/** Milliseconds from a connection to its PLAY. */
export const PLAY_WITHIN = 10_000;
const PUBLIC = 'OPTIONS, DESCRIBE, SETUP, PLAY, PAUSE, GET_PARAMETER, TEARDOWN';

/** What there is to play, as SDP (RFC 4566, RFC 6184): sizes and parameter sets come with the stream. */
const SDP = [
  'v=0',
  'o=- 0 0 IN IP4 0.0.0.0',
  's=Paravideo',
  'c=IN IP4 0.0.0.0',
  't=0 0',
  'm=video 0 RTP/AVP 96',
  'a=rtpmap:96 H264/90000',
  'a=fmtp:96 packetization-mode=1',
  'a=control:video',
  '',
].join('\r\n');

interface RtspAnswer {
  readonly status: string;
  readonly headers?: readonly string[];
  readonly body?: string;
}

/** See the top of the file. */
export class RtspClient {
  readonly #socket: Socket;
  readonly #reader = new RtspReader();
  readonly #session = randomBytes(8).toString('hex');
  readonly #alarm: NodeJS.Timeout;
  #state: 'connected' | 'ready' | 'playing' | 'gone' = 'connected';
  /** of the connection, for media and for reports about it */
  #channels: readonly [number, number] = [0, 1];
  /** it has had the parameters of the stream */
  #joined = false;
  /** why it is closed from here */
  #closing: string | undefined;

  /** `gone` is called once, with the reason for the log. */
  constructor(socket: Socket, gone: (reason: string) => void) {
    this.#socket = socket;
    this.#alarm = setTimeout(() => this.close('it did not begin to play'), PLAY_WITHIN);
    let reason = 'it closed the connection';
    socket.setNoDelay(true);
    socket
      .on('error', (error) => {
        reason = error.message;
      })
      .on('data', (bytes: Buffer) => {
        try {
          for (const request of this.#reader.push(bytes)) this.#answer(request);
        } catch (error) {
          if (!(error instanceof RtspError)) throw error;
          this.close(error.message);
        }
      })
      .on('close', () => {
        this.#state = 'gone';
        clearTimeout(this.#alarm);
        gone(this.#closing ?? reason);
      });
  }

  get playing(): boolean {
    return this.#state === 'playing';
  }

  /**
   * Sends a packet of RTP or RTCP, the first where a picture begins that can be decoded alone. A client that does not take them is
   * closed.
   */
  send(packet: Uint8Array): void {
    if (this.#state !== 'playing') return;
    // RFC 5761: the second byte of a report is from 192 to 223.
    const type = packet[1] ?? 0;
    const report = type >= 192 && type <= 223;
    this.#joined ||= !report && beginsStream(packet);
    if (!this.#joined) return;
    const head = Buffer.of(0x24, this.#channels[report ? 1 : 0], packet.length >> 8, packet.length & 0xff);
    this.#socket.cork();
    this.#socket.write(head);
    this.#socket.write(packet);
    this.#socket.uncork();
    this.#bound('it is too slow for what is played');
  }

  close(reason: string): void {
    this.#closing ??= reason;
    this.#state = 'gone';
    this.#socket.destroy();
  }

  #answer(request: RtspRequest): void {
    const { status, headers = [], body = '' } = this.#respond(request);
    const echoed = /^\d{1,10}$/.exec(request.headers.get('cseq') ?? '')?.[0] ?? '';
    const lines = [
      `RTSP/1.0 ${status}`,
      `CSeq: ${echoed}`,
      ...headers,
      ...(body === '' ? [] : [`Content-Length: ${body.length}`]),
    ];
    this.#socket.write(`${lines.join('\r\n')}\r\n\r\n${body}`);
    this.#bound('it asks and does not read the answers');
  }

  /** What waits for a client has an end. */
  #bound(reason: string): void {
    if (this.#socket.writableLength > MAX_WAITING) this.close(reason);
  }

  #respond(request: RtspRequest): RtspAnswer {
    const session = [`Session: ${this.#session}`];
    switch (request.method) {
      case 'OPTIONS':
        return { status: '200 OK', headers: [`Public: ${PUBLIC}`] };
      case 'DESCRIBE': {
        const base = request.url.endsWith('/') ? request.url : `${request.url}/`;
        return { status: '200 OK', headers: ['Content-Type: application/sdp', `Content-Base: ${base}`], body: SDP };
      }
      case 'SETUP':
        return this.#setUp(request.headers.get('transport') ?? '');
      case 'PLAY':
        if (this.#state === 'connected') return { status: '455 Method Not Valid in This State' };
        this.#state = 'playing';
        clearTimeout(this.#alarm);
        return { status: '200 OK', headers: [...session, 'Range: npt=now-'] };
      case 'PAUSE':
        if (this.#state === 'playing') this.#state = 'ready';
        return { status: '200 OK', headers: session };
      case 'GET_PARAMETER':
        return { status: '200 OK', headers: session };
      case 'TEARDOWN':
        this.#closing = 'it has ended';
        this.#state = 'ready';
        setImmediate(() => this.#socket.end());
        return { status: '200 OK', headers: session };
      default:
        return { status: '501 Not Implemented', headers: [`Public: ${PUBLIC}`] };
    }
  }

  /** Clients that ask for UDP first ask again, for the connection itself. */
  #setUp(transport: string): RtspAnswer {
    const wanted = transport.split(',').find((each) => /^\s*RTP\/AVP\/TCP(;|$)/i.test(each));
    if (wanted === undefined) return { status: '461 Unsupported Transport' };
    const [, first, second] = /interleaved=(\d{1,3})-(\d{1,3})/i.exec(wanted) ?? [];
    const channels = [Number(first ?? 0), Number(second ?? 1)] as const;
    if (channels.some((channel) => channel > 255)) return { status: '461 Unsupported Transport' };
    this.#channels = channels;
    if (this.#state === 'connected') this.#state = 'ready';
    const answer = `Transport: RTP/AVP/TCP;unicast;interleaved=${channels[0]}-${channels[1]}`;
    return { status: '200 OK', headers: [`Session: ${this.#session};timeout=60`, answer] };
  }
}

const RTP_HEADER = 12;
/** Types of NAL units in packets: parameters of a sequence, and several units in one packet (RFC 6184, sections 5.2 and 5.7.1). */
const SPS = 7;
const STAP_A = 24;

/** True if the packet has the parameters of the stream, alone or as the first of several. */
function beginsStream(packet: Uint8Array): boolean {
  const typeAt = (at: number): number => (packet[at] ?? 0) & 0x1f;
  const type = typeAt(RTP_HEADER);
  return type === SPS || (type === STAP_A && typeAt(RTP_HEADER + 3) === SPS);
}
