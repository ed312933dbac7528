// SPDX-License-Identifier: Apache-2.0
/** A vfio-user server and its clients in one process, over a real socket in a folder of its own. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CaptureDevice, HeapAccess, type HeapArena, MediaDriver } from '@paravideo/core';
import { SolidSource } from '@paravideo/core/testing';
import { LinuxClock } from '../src/clock/index.ts';
import { connectVfioFrontend, type VfioFrontend, type VfioFrontendOptions, versionPayload } from '../src/frontend/index.ts';
import type { Log } from '../src/log/index.ts';
import { connectUnix, type Fd, receive, send } from '../src/sys/index.ts';
import type { GuestContext } from '../src/transport/common/index.ts';
import {
  Command,
  type CommandName,
  type VfioServerOptions,
  VfioUserServer,
  vfio_header,
} from '../src/transport/vfio-user/index.ts';
import { HookDevice, type HostedMedia, type LogLine, overMedia, PATIENCE, until } from './vhost-user-rig.ts';

/** Options of a rig. */
export interface VfioRigOptions extends Partial<Omit<VfioServerOptions, 'path' | 'log' | 'device'>> {
  readonly device?: (guest: GuestContext) => HostedMedia;
  readonly camera?: boolean;
}

/** The server, its folder and what it logged. */
export class VfioRig implements AsyncDisposable {
  readonly folder: string;
  readonly path: string;
  readonly lines: LogLine[] = [];
  readonly server: VfioUserServer;
  readonly source = new SolidSource();
  /** devices in the order of the clients */
  readonly devices: HookDevice[] = [];
  readonly #open: VfioFrontend[] = [];

  constructor(o: VfioRigOptions = {}) {
    this.folder = mkdtempSync(join(tmpdir(), 'pv-vfu-'));
    this.path = join(this.folder, 's');
    const device = (guest: GuestContext): HostedMedia => {
      if (o.camera === true) return this.#camera(guest);
      const hook = new HookDevice(guest);
      this.devices.push(hook);
      return hook;
    };
    this.server = VfioUserServer.listen({
      arenaBytes: 1 << 24,
      ...o,
      device: overMedia(o.device ?? device),
      path: this.path,
      log: this.log,
    });
  }

  readonly log: Log = {
    debug: (fields, message) => this.#line('debug', fields, message),
    info: (fields, message) => this.#line('info', fields, message),
    warn: (fields, message) => this.#line('warn', fields, message),
    error: (fields, message) => this.#line('error', fields, message),
  };

  /** Lines of the log at a level. */
  logged(level: string): string[] {
    return this.lines.filter((line) => line.level === level).map((line) => line.message);
  }

  /** A client; small memory unless told otherwise. */
  async connect(o: VfioFrontendOptions = {}): Promise<VfioFrontend> {
    const frontend = await connectVfioFrontend(this.path, { memoryBytes: 2 << 20, ...o });
    this.#open.push(frontend);
    return frontend;
  }

  /** A client with a driver. */
  async attach(o: VfioFrontendOptions = {}): Promise<{ frontend: VfioFrontend; driver: MediaDriver; device: HookDevice }> {
    const frontend = await this.connect(o);
    const driver = await MediaDriver.attach(frontend);
    return { frontend, driver, device: this.devices[this.devices.length - 1] as HookDevice };
  }

  /** The server is as it was: a new client gets a working device. */
  async stillServes(): Promise<void> {
    await until(() => !this.server.connected, 'the connection to end');
    const { frontend, driver } = await this.attach();
    if ((await driver.open()).state !== 'open') throw new RangeError('no session');
    await frontend.close();
    await until(() => !this.server.connected && this.server.guest === undefined, 'the connection to end');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const frontend of this.#open) await frontend.close();
    await this.server.close();
    rmSync(this.folder, { recursive: true });
  }

  #camera(guest: GuestContext): HostedMedia {
    const { arena, memory } = guest;
    const heap = { bytes: arena.mapping.bytes() } as unknown as HeapArena;
    const device = new CaptureDevice({
      source: this.source,
      buffers: arena,
      access: new HeapAccess(heap, memory, memory.gate),
      clock: new LinuxClock(),
    });
    return Object.assign(device, { [Symbol.asyncDispose]: async () => {} });
  }

  #line(level: string, fields: object, message: string): void {
    this.lines.push({ level, fields: fields as Record<string, unknown>, message });
  }
}

/** A message of the server. */
export interface BareReply {
  readonly id: number;
  readonly command: number;
  readonly flags: number;
  readonly error: number;
  readonly payload: DataView;
  readonly fds: readonly Fd[];
}

/** A client without manners: messages of any bytes on a bare socket. */
export class BareVfio implements Disposable {
  readonly fd: Fd;
  #id = 100;

  constructor(path: string) {
    this.fd = connectUnix(path);
  }

  /** Sends a message; `o` replaces parts of a correct header. */
  message(
    command: number,
    payload: Uint8Array,
    o: { id?: number; flags?: number; size?: number; fds?: readonly Fd[] } = {},
  ): void {
    const bytes = new Uint8Array(vfio_header.size + payload.length);
    const view = new DataView(bytes.buffer);
    const f = vfio_header.fields;
    f.id.set(view, 0, o.id ?? this.#id++);
    f.command.set(view, 0, command);
    f.size.set(view, 0, o.size ?? bytes.length);
    f.flags.set(view, 0, o.flags ?? 0);
    bytes.set(payload, vfio_header.size);
    send(this.fd, bytes, o.fds);
  }

  /** The next message, or 'closed'; waits for it. */
  async receive(): Promise<BareReply | 'closed'> {
    const into = new Uint8Array(65536);
    let bytes = 0;
    const fds: Fd[] = [];
    const view = new DataView(into.buffer);
    const end = performance.now() + PATIENCE;
    while (performance.now() < end) {
      const size = bytes < vfio_header.size ? vfio_header.size : vfio_header.fields.size.get(view, 0);
      if (bytes >= vfio_header.size && bytes === size) {
        const [id, command, flags, error] = (['id', 'command', 'flags', 'error'] as const).map((name) =>
          vfio_header.fields[name].get(view, 0),
        ) as [number, number, number, number];
        return { id, command, flags, error, payload: new DataView(into.buffer, 16, size - 16), fds };
      }
      const got = receive(this.fd, into.subarray(bytes, size), 8);
      if (got === 'closed') return got;
      if (got === 'again') {
        await new Promise((resolve) => setTimeout(resolve, 1));
        continue;
      }
      bytes += got.bytes;
      fds.push(...got.fds);
    }
    throw new RangeError('no answer');
  }

  /** Sends a command and waits for its answer; a negative number is an errno. */
  async ask(name: CommandName, payload: Uint8Array, fds: readonly Fd[] = []): Promise<BareReply | number | 'closed'> {
    this.message(Command[name], payload, { fds });
    const got = await this.receive();
    if (got === 'closed') return got;
    if (got.command !== Command[name] || (got.flags & 0xf) !== 1 || got.id !== this.#id - 1)
      throw new RangeError('a stray answer');
    return (got.flags & 0x20) !== 0 ? -got.error : got;
  }

  /** The same, and only whether it was granted. */
  async done(name: CommandName, payload: Uint8Array, fds: readonly Fd[] = []): Promise<number | 'closed'> {
    const got = await this.ask(name, payload, fds);
    return typeof got === 'object' ? 0 : got;
  }

  /** Agrees on the version. */
  async greet(): Promise<BareReply> {
    const got = await this.ask('VERSION', versionPayload());
    if (typeof got !== 'object') throw new RangeError(`greeted in vain: ${got}`);
    return got;
  }

  [Symbol.dispose](): void {
    this.fd.close();
  }
}
