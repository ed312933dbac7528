// SPDX-License-Identifier: Apache-2.0
import { existsSync } from 'node:fs';
import { SourceError } from '@paravideo/core';
import type { LiveOrigin } from './live-origin.ts';
import { SCHEMES, schemeOf, shownUrl } from './stream-url.ts';

/** How a stream of the network is reached. */
export interface NetworkSettings {
  readonly url: string;
  /** how RTSP brings its pictures; tcp */
  readonly transport?: 'tcp' | 'udp' | undefined;
  /** milliseconds for which a picture waits, so that those that the network delays do not come late; 100 */
  readonly latency?: number | undefined;
  /** certificates that are believed, a file in PEM; the system's */
  readonly ca?: string | undefined;
  /** believe every certificate */
  readonly insecure?: boolean | undefined;
}

/** Milliseconds that a picture waits unless told otherwise. */
export const LATENCY = 100;
/** Milliseconds that it can wait at most. */
export const MAX_LATENCY = 500;
/** Seconds without a byte after which a connection has failed. */
const SILENCE = 8;
/** Microseconds and bytes of a stream that are looked at before it is shown. */
const LOOK = { time: 2_000_000, bytes: 5_000_000 };

/** Where systems keep the certificates that they believe. */
const BUNDLES = [
  '/etc/ssl/certs/ca-certificates.crt',
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/ssl/ca-bundle.pem',
  '/etc/ssl/cert.pem',
];

/** What the C library's resolver reads. */
const RESOLVER = [
  '/etc/resolv.conf',
  '/etc/hosts',
  '/etc/nsswitch.conf',
  '/etc/host.conf',
  '/etc/gai.conf',
  '/etc/services',
  '/etc/protocols',
];

/** A stream of the network. Throws `SourceError` with the remedy. */
export function networkOrigin(settings: NetworkSettings): LiveOrigin {
  const scheme = schemeOf(settings.url);
  if (scheme === undefined) throw new SourceError(`its address has to begin with one of ${Object.keys(SCHEMES).join(', ')}`);
  const { protocols, formats } = SCHEMES[scheme];
  const timeout = String(SILENCE * 1_000_000);
  const options: Record<string, string> = {
    protocol_whitelist: protocols,
    format_whitelist: formats,
    analyzeduration: String(LOOK.time),
    probesize: String(LOOK.bytes),
    // of RTSP, SRT and UDP; of what HTTP stands on
    timeout,
    rw_timeout: timeout,
  };
  const files = [...RESOLVER];
  if (scheme === 'rtsp' || scheme === 'rtsps') {
    Object.assign(options, { rtsp_transport: settings.transport ?? 'tcp', allowed_media_types: 'video' });
  }
  if (scheme === 'udp') options.overrun_nonfatal = '1';
  // A page of the web may lead on to one with TLS.
  if (SCHEMES[scheme].tls || scheme === 'http') {
    const ca = settings.ca ?? BUNDLES.find(existsSync);
    if (settings.insecure !== true) {
      options.tls_verify = '1';
      if (ca !== undefined) options.ca_file = ca;
      else if (SCHEMES[scheme].tls)
        throw new SourceError('this machine has no list of certificates: install ca-certificates, or name a file with ca: FILE');
      if (ca !== undefined) files.push(ca);
    }
  }
  return {
    name: shownUrl(settings.url),
    network: true,
    files,
    told: { kind: 'network stream', url: settings.url, options, lead: (settings.latency ?? LATENCY) * 1000 },
  };
}
