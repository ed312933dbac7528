// SPDX-License-Identifier: Apache-2.0
/** Requests of RTSP (RFC 2326), as they come in pieces on a connection that also carries packets of its own (section 10.12). */

/** One request. */
export interface RtspRequest {
  readonly method: string;
  readonly url: string;
  /** names in lower case */
  readonly headers: ReadonlyMap<string, string>;
}

/** Bytes of a request at most, its body included. */
export const MAX_REQUEST = 8192;

/** What came makes no sense. */
export class RtspError extends Error {
  override readonly name = 'RtspError';
}

/** See the top of the file. */
export class RtspReader {
  #bytes: Buffer = Buffer.alloc(0);
  /** bytes of a packet or a body that are still to be passed over */
  #skip = 0;

  /** Takes what came; the requests that are whole. Throws `RtspError`. */
  push(bytes: Buffer): RtspRequest[] {
    const requests: RtspRequest[] = [];
    this.#bytes = this.#bytes.length === 0 ? bytes : Buffer.concat([this.#bytes, bytes]);
    for (;;) {
      const skipped = Math.min(this.#skip, this.#bytes.length);
      this.#skip -= skipped;
      this.#bytes = this.#bytes.subarray(skipped);
      if (this.#bytes.length === 0) return requests;
      if (this.#bytes[0] === 0x24) {
        if (this.#bytes.length < 4) return requests;
        this.#skip = 4 + this.#bytes.readUInt16BE(2);
        continue;
      }
      const end = this.#bytes.indexOf('\r\n\r\n');
      if (end > MAX_REQUEST || (end < 0 && this.#bytes.length > MAX_REQUEST)) throw new RtspError('a request is too long');
      if (end < 0) return requests;
      const request = parse(this.#bytes.toString('latin1', 0, end));
      const body = Number(request.headers.get('content-length') ?? 0);
      if (!Number.isInteger(body) || body < 0 || body > MAX_REQUEST) throw new RtspError('the body of a request is too long');
      this.#bytes = this.#bytes.subarray(end + 4);
      this.#skip = body;
      requests.push(request);
    }
  }
}

function parse(text: string): RtspRequest {
  const [first = '', ...lines] = text.split('\r\n');
  const [, method, url] = /^([A-Z_]{1,20}) (\S{1,2048}) RTSP\/1\.0$/.exec(first) ?? [];
  if (method === undefined || url === undefined) throw new RtspError('that is no request of RTSP/1.0');
  const headers = new Map<string, string>();
  for (const line of lines) {
    const at = line.indexOf(':');
    if (at > 0) headers.set(line.slice(0, at).trim().toLowerCase(), line.slice(at + 1).trim());
  }
  return { method, url, headers };
}
