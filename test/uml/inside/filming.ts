// SPDX-License-Identifier: Apache-2.0
import { createHash } from 'node:crypto';
import {
  CaptureClient,
  type ClientFrame,
  type DriverTransport,
  fourcc,
  MediaDriver,
  type PictureRequest,
} from '../../../packages/core/src/index.ts';
import { connectFrontend } from '../../../packages/host/src/frontend/index.ts';

/** What a guest asks for that wants nothing special. */
export const SMALL: PictureRequest = {
  pixelformat: fourcc('YUYV'),
  width: 640,
  height: 360,
  interval: { numerator: 1, denominator: 30 },
};

/** A program in a guest that films. */
export class Filming implements AsyncDisposable {
  readonly #transport: DriverTransport;
  readonly client: CaptureClient;

  private constructor(transport: DriverTransport, client: CaptureClient) {
    this.#transport = transport;
    this.client = client;
  }

  static async open(socket: string): Promise<Filming> {
    const transport = await connectFrontend(socket);
    return new Filming(transport, await CaptureClient.open(await MediaDriver.attach(transport)));
  }

  async start(request: PictureRequest): Promise<void> {
    await this.client.configure(request);
    await this.client.start();
  }

  async frames(count: number): Promise<readonly Pick<ClientFrame, 'sequence' | 'timestamp' | 'error'>[]> {
    const seen: Pick<ClientFrame, 'sequence' | 'timestamp' | 'error'>[] = [];
    for (let i = 0; i < count; i++) {
      const { sequence, timestamp, error } = await this.client.next();
      seen.push({ sequence, timestamp, error });
    }
    return seen;
  }

  /** The next picture, as a number that another picture does not have. */
  async picture(): Promise<string> {
    const { planes } = await this.client.next();
    return planes.map((plane) => createHash('md5').update(plane).digest('hex')).join();
  }

  /** Films until it cannot any more; how it learnt of that. */
  async until(): Promise<string> {
    try {
      for (;;) if ((await this.client.next()).error) return 'error flag';
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.client.close();
    await this.#transport.close();
  }
}

/** Does it again until it succeeds: the camera is looked for now and then. */
export async function patiently<T>(what: () => Promise<T>): Promise<T> {
  for (let tries = 0; ; tries++) {
    try {
      return await what();
    } catch (error) {
      if (tries === 600) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}
