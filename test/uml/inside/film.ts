// SPDX-License-Identifier: Apache-2.0
/**
 * For User-mode Linux, where nobody outside reaches a socket: `node film.ts FRAMES` starts a daemon with a camera, connects to it as a
 * virtual machine would, films, and says in a line of JSON what came.
 */
import { runCamera, withGuest } from '../../../packages/host/src/cli/demo/index.ts';
import { DaemonProcess } from '../../../packages/host/src/daemon/index.ts';

const frames = Number(process.argv[2]);
await using daemon = await DaemonProcess.start([{ kind: 'camera', name: 'camera' }]);
const film = await withGuest(daemon.socket('camera'), (driver) =>
  runCamera(driver, { frames, rate: 30, width: 640, height: 480 }, () => {}),
);
console.log(JSON.stringify({ frames: film.frames, damaged: film.damaged, lost: film.lost, startMillis: daemon.startMillis }));
