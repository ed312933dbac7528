// SPDX-License-Identifier: Apache-2.0
/**
 * A V4L2 camera of this machine as a capture. The node is open only while somebody streams, and for a moment to ask what it can do
 * and to set a control: a camera's light says so.
 *
 *     absent --node there, described--> present --node gone, another, or ENODEV--> absent
 *
 * It delivers one mode at a time. The first start chooses it; for other layouts beside it `SourceBusyError` is thrown, and
 * `SharedSource` makes them out of what comes, or begins it again in a larger mode. One that is pinned to a mode has no other.
 */
import { stat } from 'node:fs/promises';
import {
  type Capture,
  type CapturedFrame,
  type CaptureSink,
  SourceBusyError,
  type SourceModes,
  type WantedFrames,
} from '@paravideo/core';
import { KeptThread } from '../../isolation/worker/index.ts';
import type { Log } from '../../log/index.ts';
import { findNode } from '../../v4l2/index.ts';
import { CameraControls } from './camera-controls.ts';
import type { CameraAnswer, CameraDescription, CameraRequest } from './camera-messages.ts';
import { cameraModes, EXPECTED } from './camera-modes.ts';
import { isGone } from './camera-trouble.ts';
import { modesText, type PinnedMode, pinned } from './pinned-mode.ts';

/** How a camera of this machine is found and shown. */
export interface V4l2CameraOptions {
  readonly log: Log;
  /** name of the camera; the driver's */
  readonly card?: string | undefined;
  /** the one mode that it is used in */
  readonly mode?: PinnedMode | undefined;
  /** milliseconds between looks whether it came or went; 1000 */
  readonly lookEvery?: number;
}

const LOOK_EVERY = 1000;

interface CameraRun {
  readonly id: number;
  readonly sink: CaptureSink;
}

/**
 * Resolves when the camera was looked for; one that is not there now may come later.
 * @param device a path, or a name or serial number as `findNode` takes them
 */
export async function openV4l2Camera(device: string, o: V4l2CameraOptions): Promise<Capture> {
  const camera = new V4l2Camera(device, o);
  await camera.look();
  return camera;
}

class V4l2Camera implements Capture {
  readonly #device: string;
  readonly #log: Log;
  readonly #card: string | undefined;
  readonly #mode: PinnedMode | undefined;
  readonly #thread: KeptThread<CameraRequest, CameraAnswer>;
  readonly #listeners = new Set<() => void>();
  readonly #looking: NodeJS.Timeout;
  readonly #setting = new Map<number, (answer: { errno: number; value: number }) => void>();
  #controls: CameraControls | undefined;
  #modes: SourceModes;
  #absent: string | undefined = 'it was not looked for yet';
  /** the node that was found, and which file that is */
  #path = '';
  #identity = '';
  #run: CameraRun | undefined;
  #nextId = 1;
  /** settled when the node that is looked at was described, or cannot be */
  #looked: PromiseWithResolvers<void> | undefined;
  /** what was told of it last, but for its controls */
  #described = '';
  #ended: Promise<void> | undefined;

  constructor(device: string, o: V4l2CameraOptions) {
    this.#device = device;
    this.#log = o.log;
    this.#card = o.card;
    this.#mode = o.mode;
    this.#modes = cameraModes({ ...EXPECTED, card: device }, o.card ?? device);
    this.#thread = new KeptThread({
      module: './camera-worker',
      base: import.meta.url,
      name: 'v4l2-camera',
      log: o.log,
      message: (answer) => this.#answered(answer),
      died: () => this.#died(),
      restarted: () => {},
    });
    this.#looking = setInterval(() => void this.look(), o.lookEvery ?? LOOK_EVERY).unref();
  }

  get modes(): SourceModes {
    return this.#modes;
  }

  get absent(): string | undefined {
    return this.#absent;
  }

  get controls(): CameraControls {
    this.#controls ??= new CameraControls(EXPECTED, (control, value) => this.#set(control, value));
    return this.#controls;
  }

  watch(listener: () => void): Disposable {
    const own = (): void => listener();
    this.#listeners.add(own);
    return { [Symbol.dispose]: () => void this.#listeners.delete(own) };
  }

  start({ layout, interval }: WantedFrames, sink: CaptureSink): Disposable {
    if (this.#run !== undefined) throw new SourceBusyError(`camera ${this.#device} delivers another picture already`);
    const run: CameraRun = { id: this.#nextId++, sink };
    this.#run = run;
    this.#mind();
    const controls = this.controls.declared.map(({ id }) => id);
    this.#thread.post({ kind: 'start', id: run.id, path: this.#path, layout, interval, controls });
    return {
      [Symbol.dispose]: () => {
        if (this.#run !== run) return;
        this.#stopped();
        this.#thread.post({ kind: 'stop', id: run.id });
      },
    };
  }

  /** Looks whether the camera came or went. */
  async look(): Promise<void> {
    if (this.#ended !== undefined || this.#looked !== undefined) return;
    const described = Promise.withResolvers<void>();
    this.#looked = described;
    try {
      const path = await findNode(this.#device);
      const identity = path === undefined ? '' : await identityOf(path);
      if (identity !== '' && this.#absent === undefined && identity === this.#identity) return;
      const other = this.#identity !== '' && identity !== this.#identity;
      if (this.#absent === undefined && (identity === '' || other)) this.#went(`${this.#path} is gone: it was unplugged`);
      if (path === undefined || identity === '') return this.#missing(`there is no camera ${this.#device} on this machine`);
      this.#path = path;
      this.#identity = identity;
      this.#mind();
      this.#thread.post({ kind: 'describe', path });
      await described.promise;
    } finally {
      this.#looked = undefined;
      this.#mind();
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#ended ??= (async () => {
      clearInterval(this.#looking);
      if (this.#run !== undefined) this.#thread.post({ kind: 'stop', id: this.#run.id });
      this.#stopped();
      await this.#thread.close();
      for (const answer of this.#setting.values()) answer(LOST);
      this.#setting.clear();
      this.#looked?.resolve();
    })();
    return this.#ended;
  }

  #answered(answer: CameraAnswer): void {
    switch (answer.kind) {
      case 'described':
        this.#came(answer.description);
        return this.#looked?.resolve();
      case 'unavailable':
        this.#missing(answer.reason);
        return this.#looked?.resolve();
      case 'frame':
        return this.#frame(answer);
      case 'ended': {
        const run = this.#run;
        if (run?.id !== answer.id) return;
        this.#stopped();
        if (isGone(answer)) this.#went(answer.reason);
        else this.#log.warn({ device: this.#device, errno: answer.errno }, answer.reason);
        run.sink.ended(answer.reason);
        // What ended it may have changed what the camera has.
        this.#identity = '';
        void this.look();
        return;
      }
      case 'set':
        this.#setting.get(answer.id)?.(answer);
        this.#setting.delete(answer.id);
        this.#mind();
        return;
      case 'control':
        return this.controls.changed(answer.control, answer.value, answer.change);
    }
  }

  #frame({ id, index, sequence, timestamp, field, planes }: Extract<CameraAnswer, { kind: 'frame' }>): void {
    const run = this.#run;
    const release = (): void => this.#thread.post({ kind: 'release', id, index });
    if (run?.id !== id || !run.sink.wantsFrame()) return release();
    const frame: CapturedFrame = {
      sequence,
      timestamp,
      field,
      planes: planes.map(({ address, length }) => ({ kind: 'address', address, length })),
      release,
    };
    run.sink.frame(frame);
  }

  #came(description: CameraDescription): void {
    if (this.#controls === undefined) this.#controls = new CameraControls(description, (...asked) => this.#set(...asked));
    else this.#controls.found(description);
    // Values and flags of controls have told of themselves.
    const { controls: _, values: _values, ...modes } = description;
    const before = this.#described;
    this.#described = JSON.stringify(modes);
    if (this.#absent === undefined && before === this.#described) return;
    const used = this.#mode === undefined ? description : pinned(description, this.#mode);
    if (used === undefined) return this.#missing(`it does not have the mode of \`mode\`; it has ${modesText(description)}`);
    if (before !== this.#described) this.#modes = cameraModes(used, this.#card ?? description.card);
    this.#absent = undefined;
    const { card, driver } = description;
    this.#log.info({ device: this.#device, path: this.#path, card, driver }, 'camera found');
    this.#tell();
  }

  /** It cannot be had. */
  #missing(reason: string): void {
    if (this.#absent === undefined) return this.#went(reason);
    if (this.#absent === reason) return;
    this.#log.warn({ device: this.#device }, reason);
    this.#absent = reason;
    this.#tell();
  }

  #went(reason: string): void {
    this.#absent = reason;
    this.#identity = '';
    this.#controls?.gone();
    this.#log.warn({ device: this.#device }, reason);
    if (this.#run !== undefined) this.#thread.post({ kind: 'stop', id: this.#run.id });
    this.#stopped();
    this.#tell();
  }

  #died(): void {
    const run = this.#run;
    this.#stopped();
    for (const answer of this.#setting.values()) answer(LOST);
    this.#setting.clear();
    this.#looked?.resolve();
    run?.sink.ended('the thread of the camera died');
  }

  #stopped(): void {
    this.#run = undefined;
    this.#mind();
  }

  #set(control: number, value: number): Promise<{ errno: number; value: number }> {
    const id = this.#nextId++;
    return new Promise((resolve) => {
      this.#setting.set(id, resolve);
      this.#mind();
      this.#thread.post({ kind: 'set', id, path: this.#path, control, value });
    });
  }

  /** The process stays alive while the thread owes an answer, or streams. */
  #mind(): void {
    this.#thread.busy = this.#run !== undefined || this.#looked !== undefined || this.#setting.size > 0;
  }

  #tell(): void {
    for (const listener of [...this.#listeners]) listener();
  }
}

/** EIO: there is no answer */
const LOST = { errno: 5, value: 0 } as const;

/** Which file a path leads to; empty if there is none. */
async function identityOf(path: string): Promise<string> {
  try {
    const { dev, ino, rdev } = await stat(path);
    return `${dev}:${ino}:${rdev}`;
  } catch {
    return '';
  }
}
