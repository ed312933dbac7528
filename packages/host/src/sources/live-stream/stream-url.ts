// SPDX-License-Identifier: Apache-2.0
/** Where a live stream comes from, and what FFmpeg may do for it. */

/** What FFmpeg's library may use for the URLs of a scheme, by its own names, and nothing else. */
export interface SchemeRules {
  /** its protocols, with commas */
  readonly protocols: string;
  /** its demuxers, with commas */
  readonly formats: string;
  /** whether the connection is encrypted by TLS */
  readonly tls: boolean;
}

/** Films that come over a connection without anything around them. */
const PLAIN = 'mpegts,flv,matroska,webm,mov,mp4,avi,ogg,mjpeg,mpjpeg,h264,hevc,nut,mpeg';
/** Playlists name files of these kinds, too; whatever they name is opened with the same rules. */
const WEB = `${PLAIN},hls,dash,aac,mp3,webvtt`;

const WEB_PROTOCOLS = 'http,https,tcp,tls,crypto';

/** The schemes that are known here. */
export const SCHEMES = {
  rtsp: { protocols: 'rtsp,rtp,tcp,udp', formats: 'rtsp', tls: false },
  rtsps: { protocols: 'rtsps,rtsp,rtp,tcp,tls,udp', formats: 'rtsp', tls: true },
  http: { protocols: WEB_PROTOCOLS, formats: WEB, tls: false },
  https: { protocols: WEB_PROTOCOLS, formats: WEB, tls: true },
  srt: { protocols: 'srt', formats: PLAIN, tls: false },
  udp: { protocols: 'udp', formats: 'mpegts', tls: false },
  tcp: { protocols: 'tcp', formats: PLAIN, tls: false },
} as const satisfies Record<string, SchemeRules>;

/** One of them. */
export type Scheme = keyof typeof SCHEMES;

const URL_PARTS = /^([a-z]+):\/\/(?:[^/?#]*@)?([^/?#]+)([^?#]*)/i;

/** The scheme of a URL, if it is one that is known here. */
export function schemeOf(url: string): Scheme | undefined {
  const scheme = URL_PARTS.exec(url)?.[1]?.toLowerCase();
  return scheme !== undefined && Object.hasOwn(SCHEMES, scheme) ? (scheme as Scheme) : undefined;
}

/** A URL as it may be shown: without name and password, and without what stands behind the question mark, which may hold one. */
export function shownUrl(url: string): string {
  const [, scheme = '', host = '', path = ''] = URL_PARTS.exec(url) ?? [];
  return `${scheme}://${host}${path}`;
}
