// SPDX-License-Identifier: Apache-2.0
import {
  type BufferAccess,
  type Capture,
  CaptureDevice,
  type CaptureDeviceOptions,
  DecoderDevice,
  type DecoderDeviceOptions,
  type DecoderFactory,
  everyFrame,
  type FrameSource,
  type MediaDevice,
  type MediaSession,
  OutputDevice,
  ProxyDevice,
  type ProxyDeviceOptions,
  QualitySource,
  type SessionEvents,
  V4L2_PIX_FMT_MJPEG,
} from '@paravideo/core';
import { AV_INSTALL_COMMAND, avInstalled } from '../av/index.ts';
import { LinuxClock } from '../clock/index.ts';
import { CodecHost } from '../codec/index.ts';
import { CopyPool, type CopyPoolStats } from '../memory/copy/index.ts';
import { ThreadConverter } from '../sources/index.ts';
import { type GuestContext, GuestWall } from '../transport/common/index.ts';
import { ProxiedNode, ProxyError } from '../v4l2-proxy/index.ts';
import { budgetedSource } from './budgeted-source.ts';
import { CameraControls } from './camera-controls.ts';
import {
  type CameraConfig,
  cameraInputs,
  type DaemonConfig,
  type DecoderConfig,
  type DeviceConfig,
  type OutputConfig,
  type ProxyConfig,
} from './config.ts';
import { ConfigError } from './config-error.ts';
import { ConfiguredSources } from './configured-sources.ts';
import { guestSink } from './guest-sink.ts';
import type { Logger } from './logger.ts';
import { Outputs } from './outputs.ts';
import type { SourceChoice } from './source-choice.ts';
import { withDefaults } from './source-defaults.ts';
import { walledSource } from './walled-source.ts';

/** Makes a device for a guest that connected. */
export type MakeDevice = (guest: GuestContext) => MediaDevice & AsyncDisposable;

/** Makes the devices of a configuration out of what they share: the sources, nodes of this machine, the copying threads, the clock. */
export class DeviceFactory implements AsyncDisposable {
  readonly #sources: ConfiguredSources;
  readonly #outputs: Outputs;
  readonly #nodes: ReadonlyMap<ProxyConfig, ProxiedNode>;
  readonly #pool: CopyPool;
  readonly #clock = new LinuxClock();
  readonly #log: Logger;
  readonly #parts: AsyncDisposableStack;

  private constructor(
    sources: ConfiguredSources,
    outputs: Outputs,
    nodes: ReadonlyMap<ProxyConfig, ProxiedNode>,
    pool: CopyPool,
    parts: AsyncDisposableStack,
    log: Logger,
  ) {
    this.#sources = sources;
    this.#outputs = outputs;
    this.#nodes = nodes;
    this.#pool = pool;
    this.#parts = parts;
    this.#log = log;
  }

  /**
   * Starts the copying threads, opens every source that some camera shows, once each, by its adapter, and asks every node that is handed
   * through what it is. Throws `ConfigError` for one that cannot be had.
   */
  static async open(config: DaemonConfig, log: Logger): Promise<DeviceFactory> {
    await using parts = new AsyncDisposableStack();
    const pool = parts.adopt(CopyPool.start(config.workers, log), (started) => started.close());
    const cameras = config.devices.filter((device) => device.kind === 'camera');
    const wanted = new Set(cameras.flatMap((camera) => cameraInputs(camera).map(({ source }) => source)));
    const converter = avInstalled() ? parts.use(new ThreadConverter({ log })) : undefined;
    const outputs = parts.use(await Outputs.open(config.devices, { log, copies: pool, converter }));
    if (converter === undefined && wanted.size > 0) {
      log.warn(
        { remedy: AV_INSTALL_COMMAND },
        'cameras have the formats of their sources alone, and no MJPG: there is no node-av',
      );
    }
    const played = (output: string): Capture => outputs.played(output);
    const options = { log, clock: new LinuxClock(), converter, played };
    const sources = parts.use(await ConfiguredSources.open(config.sources, wanted, options));
    const nodes = new Map<ProxyConfig, ProxiedNode>();
    for (const [i, device] of config.devices.entries()) {
      if (device.kind !== 'proxy') continue;
      nodes.set(device, await openNode(device, `devices[${i}]`, log.child({ device: device.name })));
    }
    return new DeviceFactory(sources, outputs, nodes, pool, parts.move(), log);
  }

  /** How to make a configured device for each guest. Throws `ConfigError` naming `field` if its source cannot be that camera. */
  device(config: DeviceConfig, field: string): MakeDevice {
    switch (config.kind) {
      case 'camera':
        return this.#camera(config, field);
      case 'output':
        return this.#output(config);
      case 'decoder':
        return this.#decoder(config);
      case 'proxy':
        return this.#proxy(config);
    }
  }

  /** The sources that show one of several others, by their names. */
  get choices(): ReadonlyMap<string, SourceChoice> {
    return this.#sources.choices;
  }

  /** What the copying threads have done. */
  get copies(): CopyPoolStats {
    return this.#pool.stats;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#parts.disposeAsync();
  }

  /** The copying threads start with the first guest, but none of them is inside its wall: they work for all. */
  #access(guest: GuestContext): BufferAccess {
    return GuestWall.outside(() => this.#pool.access(guest));
  }

  #camera(config: CameraConfig, field: string): MakeDevice {
    const inputs = cameraInputs(config).map(({ name, source }) => {
      const configured = this.#sources.named(source);
      const { card } = withDefaults(configured.shared, config, field).capabilities;
      const controls = new CameraControls(configured, config, field, this.#log.child({ device: config.name }));
      const quality = { quality: config['jpeg-quality'], readOnly: controls.policy === 'fixed' };
      const codes = configured.shared.codes(V4L2_PIX_FMT_MJPEG);
      const graded = (own: FrameSource): FrameSource => (codes ? new QualitySource(own, quality) : own);
      return { name: name ?? card, card, controls, graded };
    });
    const card = inputs[0]?.card ?? config.name;
    return (guest) => {
      const access = this.#access(guest);
      const own = new AsyncDisposableStack();
      const source = inputs.map(({ name, controls, graded }) => {
        const dressed = withDefaults(graded(own.use(controls.forGuest())), config, field);
        return { name, source: guestSource(dressed, guest, config.delivery) };
      });
      const planar = config.planes;
      return new HostedCamera(own, { source, buffers: guest.arena, access, clock: this.#clock, card, planar });
    };
  }

  #output(config: OutputConfig): MakeDevice {
    return (guest) =>
      new OutputDevice({
        sink: guestSink(this.#outputs.sink(config.name), guest.budget, (layout) => this.#outputs.memory(config.name, layout)),
        buffers: guest.arena,
        access: this.#access(guest),
        clock: this.#clock,
        planar: config.planes,
      });
  }

  #decoder(config: DecoderConfig): MakeDevice {
    return (guest) => {
      const access = this.#access(guest);
      const log = this.#log.child({ device: config.name });
      // A process for each connection would be dear: whoever may connect could start them without end.
      const host = CodecHost.start({
        arena: guest.arena,
        access,
        buffers: guest.arena,
        log,
        threads: config.threads,
        lazy: true,
      });
      const factory = narrowed(host.factory, config.codecs);
      const card = config.card ?? 'Paravideo decoder';
      return new HostedDecoder(host, { factory, buffers: guest.arena, clock: this.#clock, card });
    };
  }

  #proxy(config: ProxyConfig): MakeDevice {
    const node = this.#nodes.get(config);
    if (node === undefined) throw new RangeError(`node ${config.device} was not opened`);
    return (guest) => {
      const access = this.#access(guest);
      const own = node.forGuest();
      const { open } = own;
      const card = config.card ?? node.card;
      return new HostedProxy(own, { deviceCaps: node.caps, card, open, buffers: guest.arena, access, budget: guest.budget });
    };
  }
}

/** A proxy that owns its guest's thread. */
class HostedProxy extends ProxyDevice {
  readonly #own: AsyncDisposable;

  constructor(own: AsyncDisposable, o: ProxyDeviceOptions) {
    super(o);
    this.#own = own;
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    await super[Symbol.asyncDispose]();
    await this.#own[Symbol.asyncDispose]();
  }
}

/** A source of a camera as its guest has it. */
function guestSource(shared: FrameSource, { budget }: GuestContext, delivery: CameraConfig['delivery']): FrameSource {
  const walled = walledSource(shared);
  const source = budget === undefined ? walled : budgetedSource(walled, budget);
  return delivery === 'every' ? everyFrame(source) : source;
}

/** A camera that owns what its guest has of the source for itself. */
class HostedCamera extends CaptureDevice {
  readonly #own: AsyncDisposable;

  constructor(own: AsyncDisposable, o: CaptureDeviceOptions) {
    super(o);
    this.#own = own;
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    await super[Symbol.asyncDispose]();
    await this.#own[Symbol.asyncDispose]();
  }
}

/** A decoder device that owns the codec process behind it. */
class HostedDecoder extends DecoderDevice {
  readonly #host: CodecHost;

  constructor(host: CodecHost, o: DecoderDeviceOptions) {
    super(o);
    this.#host = host;
  }

  /** A session is what a process is needed for; it is ready long before the first picture is. */
  override open(events: SessionEvents): MediaSession | number {
    this.#host.wake();
    return super.open(events);
  }

  /** Ends the sessions and the process, together: a session may wait for a process that only the end makes answer. */
  override async [Symbol.asyncDispose](): Promise<void> {
    const sessions = super[Symbol.asyncDispose]();
    await this.#host.close();
    await sessions;
  }
}

/** A decoder factory that offers only some of its codecs. */
function narrowed(factory: DecoderFactory, codecs: readonly string[]): DecoderFactory {
  return {
    capabilities: factory.capabilities.filter((capability) => codecs.includes(capability.codec)),
    create: (codec, events) => (codecs.includes(codec) ? factory.create(codec, events) : undefined),
  };
}

async function openNode({ device }: ProxyConfig, field: string, log: Logger): Promise<ProxiedNode> {
  try {
    return await ProxiedNode.open(device, log);
  } catch (error) {
    if (error instanceof ProxyError) throw new ConfigError([`${field}.device: ${error.message}`]);
    throw error;
  }
}
