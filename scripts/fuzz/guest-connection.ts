// SPDX-License-Identifier: Apache-2.0
import { MediaDriver } from '@paravideo/core';
import { connectFrontend } from '../../packages/host/src/frontend/index.ts';

/** A guest at a vhost-user socket, for as long as it is used. The daemon is waited for, however busy the machine is. */
export async function asGuest<T>(socket: string, use: (driver: MediaDriver) => Promise<T>): Promise<T> {
  const transport = await connectFrontend(socket);
  try {
    const driver = await MediaDriver.attach(transport);
    try {
      return await use(driver);
    } finally {
      await driver.detach();
    }
  } finally {
    await transport.close();
  }
}
