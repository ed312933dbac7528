// SPDX-License-Identifier: Apache-2.0
/** Guests that play into outputs of a daemon in a process of its own, for tests of outputs and their sinks. */
import { MediaDriver, OutputClient, type OutputClientOptions, type PictureRequest } from '@paravideo/core';
import { type ConfigInput, DaemonProcess, type DeviceInput } from '../src/daemon/index.ts';
import { connectFrontend } from '../src/frontend/index.ts';

/** What a test leaves behind, the last first. */
export class OutputRig {
  readonly cleanups: (() => unknown)[] = [];

  async close(): Promise<void> {
    for (const cleanup of this.cleanups.splice(0).reverse()) await cleanup();
  }

  async serve(devices: readonly DeviceInput[], rest: Partial<ConfigInput> = {}): Promise<DaemonProcess> {
    const daemon = await DaemonProcess.start(devices, { log: 'info', ...rest } as Omit<ConfigInput, 'devices'>);
    this.cleanups.push(() => daemon[Symbol.asyncDispose]());
    return daemon;
  }

  async guest(socket: string, memoryBytes = 8 << 20) {
    const frontend = await connectFrontend(socket, { memoryBytes });
    this.cleanups.push(() => frontend.close());
    return { frontend, driver: await MediaDriver.attach(frontend) };
  }

  /** A guest that plays. */
  async player(socket: string, request: PictureRequest, o: OutputClientOptions = {}) {
    const { driver, frontend } = await this.guest(socket);
    const client = await OutputClient.open(driver, o);
    await client.configure(request);
    await client.start();
    return { client, frontend };
  }
}
