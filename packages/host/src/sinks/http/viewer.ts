// SPDX-License-Identifier: Apache-2.0
import type { ServerResponse } from 'node:http';

/** Milliseconds that a client may take to take a picture. */
const TAKE_WITHIN = 10_000;
const BOUNDARY = 'paravideo-picture';

/** Of the answer that a viewer gets. */
export const STREAM_TYPE = `multipart/x-mixed-replace; boundary=${BOUNDARY}`;

/**
 * A client that gets one picture after another. It has one on the way at most: those that come meanwhile are left out. One that takes
 * none of it for some seconds is disconnected.
 */
export class Viewer {
  readonly #response: ServerResponse;
  #alarm: NodeJS.Timeout | undefined;

  /** The head of the answer has been written. */
  constructor(response: ServerResponse) {
    this.#response = response;
    response.on('close', () => clearTimeout(this.#alarm));
    response.write(`--${BOUNDARY}\r\n`);
  }

  /** A picture as JPEG, unless the one before is on the way still. */
  show(picture: Uint8Array): void {
    if (this.#alarm !== undefined) return;
    const response = this.#response;
    this.#alarm = setTimeout(() => response.destroy(), TAKE_WITHIN);
    response.cork();
    response.write(`Content-Type: image/jpeg\r\nContent-Length: ${picture.length}\r\n\r\n`);
    response.write(picture);
    // A browser shows a picture when the next part begins.
    response.write(`\r\n--${BOUNDARY}\r\n`, () => {
      clearTimeout(this.#alarm);
      this.#alarm = undefined;
    });
    response.uncork();
  }
}
