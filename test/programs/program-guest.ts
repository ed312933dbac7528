// SPDX-License-Identifier: Apache-2.0
import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PNG } from 'pngjs';
import { DaemonProcess, type DeviceInput } from '../../packages/host/src/daemon/index.ts';
import { UmlHost } from '../uml/harness/index.ts';
import { videoNodes } from '../uml/suites/nodes.ts';
import { awaitScript, GuestError, type ScriptResult } from '../vm/harness/index.ts';
import { Feeder } from './feeder.ts';

/** What programs in the guest find as /mnt/inside. */
const INSIDE = fileURLToPath(new URL('inside', import.meta.url));
const CARD = 'Paravideo Camera';
const MEMORY_MIB = 3072;
const SCREEN = '1280x800';

/** Of their environment. */
const ENVIRONMENT = [
  'PATH=/usr/sbin:/usr/bin:/sbin:/bin',
  'HOME=/root',
  'USER=root',
  'LC_ALL=C.UTF-8',
  'DISPLAY=:0',
  'XDG_RUNTIME_DIR=/run/user',
  'DBUS_SESSION_BUS_ADDRESS=unix:path=/run/user/bus',
  'LIBGL_ALWAYS_SOFTWARE=1',
  'GST_REGISTRY=/tmp/registry',
  // udevadm does nothing in a root of its own without it
  'SYSTEMD_IGNORE_CHROOT=1',
];

/** Makes a tree, which cannot be written to, the root of programs: $1 is the tree, $2 a busybox. */
const ENTER = `
for folder in proc sys dev dev/pts dev/shm mnt; do "$2" mount -n -o bind /$folder "$1/$folder" || exit; done
for folder in tmp run root var; do "$2" mount -n -t tmpfs $folder "$1/$folder" || exit; done
mkdir -p "$1/run/user" "$1/var/lib/xkb" "$1/var/cache" "$1/var/log" "$1/var/tmp"
chmod 1777 "$1/tmp" "$1/var/tmp"
chmod 700 "$1/run/user"
`;

/** A screen with a window manager, a session bus, and who tells programs of devices. */
const DESKTOP = `
/usr/lib/systemd/systemd-udevd --daemon && udevadm trigger && udevadm settle || exit
setsid Xvfb :0 -screen 0 ${SCREEN}x24 -nolisten tcp > /tmp/xvfb.log 2>&1 &
${awaitScript('xdotool getdisplaygeometry')}
setsid openbox > /tmp/openbox.log 2>&1 &
setsid dbus-daemon --session --address=unix:path=/run/user/bus --nofork > /tmp/dbus.log 2>&1 &
${awaitScript('test -S /run/user/bus')}
`;

/** How a camera is set up. */
export interface CameraSetting {
  readonly width: number;
  readonly height: number;
  readonly format: string;
  /** frames a second */
  readonly rate: number;
}

/** What a guest is started with. */
export interface ProgramGuestOptions {
  /** the root of its programs */
  readonly tree: string;
  /** whether it has a screen */
  readonly screen: boolean;
  /** whether its camera shows what a process of the test feeds it with, instead of the test pattern */
  readonly fed: boolean;
}

/**
 * A guest with one camera, whose programs are those of a tree of packages, which is their root; they reach `share` of here as /mnt. Throws
 * `GuestError` when it is disposed of and its kernel has told of a fault.
 */
export class ProgramGuest implements AsyncDisposable {
  readonly daemon: DaemonProcess;
  readonly uml: UmlHost;
  readonly feeder: Feeder;
  readonly #tree: string;
  readonly #parts: AsyncDisposableStack;

  private constructor(daemon: DaemonProcess, uml: UmlHost, feeder: Feeder, tree: string, parts: AsyncDisposableStack) {
    this.daemon = daemon;
    this.uml = uml;
    this.feeder = feeder;
    this.#tree = tree;
    this.#parts = parts;
  }

  static async start({ tree, screen, fed }: ProgramGuestOptions): Promise<ProgramGuest> {
    await using parts = new AsyncDisposableStack();
    const folder = mkdtempSync(join(tmpdir(), 'paravideo-programs-'));
    parts.defer(() => rmSync(folder, { recursive: true, force: true }));
    const feeder = parts.use(new Feeder(folder));
    const camera: DeviceInput = { kind: 'camera', name: 'camera', card: CARD, ...(fed && { source: 'feed' }) };
    const daemon = parts.use(await DaemonProcess.start([camera], fed ? { sources: { feed: feeder.source } } : {}));
    if (fed) feeder.begin();
    const uml = parts.use(
      await UmlHost.boot({
        devices: [daemon.socket('camera')],
        modules: ['paravideo-media'],
        memoryMiB: MEMORY_MIB,
        // what the kernel's own transport says whenever a back-end has gone
        expected: [/WARNING: .*virtio_uml/],
      }),
    );
    await videoNodes(uml, CARD);
    // Programs are started when there is something to see.
    if (fed) await uml.must(awaitScript("v4l2-ctl -d /dev/video0 --list-inputs | grep -q 'Status.*0x00000000'"));
    cpSync(INSIDE, join(uml.share, 'inside'), { recursive: true });
    await uml.must(`set -- ${tree} ${uml.busybox}\n${ENTER}`);
    const guest = new ProgramGuest(daemon, uml, feeder, tree, parts.move());
    try {
      if (screen) await guest.must(DESKTOP);
    } catch (error) {
      await guest[Symbol.asyncDispose]();
      throw error;
    }
    return guest;
  }

  /** As `UmlHost.run`, with the tree as the root. */
  run(script: string, timeout?: number): Promise<ScriptResult> {
    return this.uml.run(this.#inTree(script), timeout);
  }

  must(script: string, timeout?: number): Promise<string> {
    return this.uml.must(this.#inTree(script), timeout);
  }

  /** The picture at a path that a script says in the guest, or of the screen; undefined if there is none, yet. */
  async picture(script?: string): Promise<PNG | undefined> {
    const from = script === undefined ? `-f x11grab -video_size ${SCREEN} -i :0` : '-i "$file"';
    const found = script === undefined ? '' : `file=$(${script}) && [ -n "$file" ] || exit; `;
    const { status } = await this.run(
      `${found}ffmpeg -nostdin -v quiet ${from} -frames:v 1 -pix_fmt rgb24 -update 1 -y /mnt/picture.png`,
    );
    return status === 0 ? PNG.sync.read(readFileSync(join(this.uml.share, 'picture.png'))) : undefined;
  }

  /** How the camera is set up now. Throws `GuestError` where there is none. */
  async setting(): Promise<CameraSetting> {
    const text = await this.uml.must('v4l2-ctl -d /dev/video0 --get-fmt-video --get-parm');
    const [, width, height, format, rate] =
      /Width\/Height\s*: (\d+)\/(\d+)[\s\S]*Pixel Format\s*: '(....)'[\s\S]*Frames per second: ([\d.]+)/.exec(text) ?? [];
    if (rate === undefined) throw new GuestError(`v4l2-ctl says of the camera: ${text}`);
    return { width: Number(width), height: Number(height), format: format ?? '', rate: Number(rate) };
  }

  /** Has the camera go for good: the process that is its device is killed. */
  async unplug(): Promise<void> {
    process.kill(this.daemon.pid, 'SIGKILL');
    await this.uml.must(awaitScript('! ls /dev/video0'));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#parts.disposeAsync();
  }

  #inTree(script: string): string {
    const quoted = script.replaceAll("'", "'\\''");
    return `exec chroot ${this.#tree} /usr/bin/env -i ${ENVIRONMENT.join(' ')} /bin/bash -c '${quoted}'`;
  }
}
