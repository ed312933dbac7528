// SPDX-License-Identifier: Apache-2.0
/** A back-end and its front-ends in one process, over a real socket in a folder of its own. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type ArenaBlock,
  CaptureDevice,
  HeapAccess,
  type HeapArena,
  type IoctlCall,
  type MediaDevice,
  MediaDriver,
  type MediaSession,
  type SessionEvents,
  V4L2_CAP_STREAMING,
  V4L2_CAP_VIDEO_CAPTURE,
  VIDIOC_S_INPUT,
  VirtioMediaDevice,
} from '@paravideo/core';
import { SolidSource } from '@paravideo/core/testing';
import { LinuxClock } from '../src/clock/index.ts';
import { connectFrontend, type Frontend, type FrontendOptions } from '../src/frontend/index.ts';
import type { Log } from '../src/log/index.ts';
import type { GuestContext } from '../src/transport/common/index.ts';
import { type VhostServerOptions, VhostUserServer } from '../src/transport/vhost-user/index.ts';

/** A line of the log. */
export interface LogLine {
  readonly level: string;
  readonly fields: Record<string, unknown>;
  readonly message: string;
}

/** A media device that is disposed of with its guest. */
export type HostedMedia = MediaDevice & AsyncDisposable;

/** Makes virtio-media devices of media devices. */
export const overMedia =
  (make: (guest: GuestContext) => HostedMedia) =>
  (guest: GuestContext): VirtioMediaDevice =>
    new VirtioMediaDevice({ device: make(guest), memory: guest.memory, window: guest.window });

/** A device of a few lines whose S_INPUT does what the test wants, with one mappable block per session. */
export class HookDevice implements HostedMedia {
  readonly deviceCaps = V4L2_CAP_VIDEO_CAPTURE | V4L2_CAP_STREAMING;
  readonly deviceType = 0;
  readonly card = 'Hook';
  readonly guest: GuestContext;
  readonly blocks: ArenaBlock[] = [];
  readonly events: SessionEvents[] = [];
  sessions = 0;
  onInput: (call: IoctlCall) => number | Promise<number> = () => 0;
  disposed = false;

  constructor(guest: GuestContext) {
    this.guest = guest;
  }

  open(events: SessionEvents): MediaSession | number {
    const block = this.guest.arena.allocate(100_000);
    if (block === undefined) return 12;
    this.sessions += 1;
    this.blocks.push(block);
    this.events.push(events);
    let live = true;
    return {
      ioctl: (call) => (call.nr === VIDIOC_S_INPUT ? this.onInput(call) : 25),
      plane: (offset) => (offset === block.offset ? { block, length: block.length } : undefined),
      close: () => {
        if (!live) return;
        live = false;
        this.sessions -= 1;
        this.guest.window?.freed(block);
        block.release();
      },
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.disposed = true;
  }
}

/** Options of a rig. */
export interface VhostRigOptions extends Partial<Omit<VhostServerOptions, 'path' | 'log' | 'device'>> {
  readonly device?: (guest: GuestContext) => HostedMedia;
  readonly camera?: boolean;
}

/** The server, its folder and what it logged. */
export class VhostRig implements AsyncDisposable {
  readonly folder: string;
  readonly path: string;
  readonly lines: LogLine[] = [];
  readonly server: VhostUserServer;
  readonly source = new SolidSource();
  /** devices in the order of the front-ends */
  readonly devices: HookDevice[] = [];
  readonly #open: Frontend[] = [];

  constructor(o: VhostRigOptions = {}) {
    this.folder = mkdtempSync(join(tmpdir(), 'pv-vu-'));
    this.path = join(this.folder, 's');
    const device = (guest: GuestContext): HostedMedia => {
      if (o.camera === true) return this.#camera(guest);
      const hook = new HookDevice(guest);
      this.devices.push(hook);
      return hook;
    };
    this.server = VhostUserServer.listen({
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

  /** Lines of the log at a level, or of a check. */
  logged(what: string): string[] {
    return this.lines.filter((line) => line.level === what || line.fields.check === what).map((line) => line.message);
  }

  /** A front-end; small memory unless told otherwise. */
  async connect(o: FrontendOptions = {}): Promise<Frontend> {
    const frontend = await connectFrontend(this.path, { memoryBytes: 2 << 20, ...o });
    this.#open.push(frontend);
    return frontend;
  }

  /** A front-end with a driver. */
  async attach(o: FrontendOptions = {}): Promise<{ frontend: Frontend; driver: MediaDriver; device: HookDevice }> {
    const frontend = await this.connect(o);
    const driver = await MediaDriver.attach(frontend);
    return { frontend, driver, device: this.devices[this.devices.length - 1] as HookDevice };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const frontend of this.#open) await frontend.close();
    await this.server.close();
    rmSync(this.folder, { recursive: true });
  }

  #camera(guest: GuestContext): HostedMedia {
    const { arena, memory } = guest;
    const heap = { bytes: arena.mapping.bytes() } as unknown as HeapArena;
    return new CaptureDevice({
      source: this.source,
      buffers: arena,
      access: new HeapAccess(heap, memory, memory.gate),
      clock: new LinuxClock(),
    });
  }

  #line(level: string, fields: object, message: string): void {
    this.lines.push({ level, fields: fields as Record<string, unknown>, message });
  }
}

/** Milliseconds that a test waits for what has to come: a busy machine takes long, and a fault is told before the test's own limit. */
export const PATIENCE = 50_000;

/** Waits until a condition holds; throws after PATIENCE. */
export async function until(condition: () => boolean, what: string): Promise<void> {
  const end = performance.now() + PATIENCE;
  while (performance.now() < end) {
    if (condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  throw new RangeError(`waited in vain: ${what}`);
}

/** Payload of S_INPUT. */
export function input(index: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, index, true);
  return bytes;
}
