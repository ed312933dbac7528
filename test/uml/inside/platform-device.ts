// SPDX-License-Identifier: Apache-2.0
import { spawn } from 'node:child_process';
import { once } from 'node:events';

/**
 * Takes the first platform device of a driver from it (`unbind`), as if it were unplugged, or gives it back. Another process does it: it
 * waits until everybody let go.
 */
export async function platformDevice(driver: 'vivid' | 'vimc', file: 'bind' | 'unbind'): Promise<void> {
  const child = spawn('sh', ['-c', `echo ${driver}.0 > /sys/bus/platform/drivers/${driver}/${file}`], { stdio: 'inherit' });
  await once(child, 'close');
}
