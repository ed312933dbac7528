// SPDX-License-Identifier: Apache-2.0
/**
 * The daemon: the configured devices on their sockets. States: starting --all sockets listen--> serving --stop--> stopped;
 * a failure while starting goes straight to stopped and takes everything down again.
 */
import { type VirtioDevice, VirtioMediaDevice } from '@paravideo/core';
import { cgroupText, isolation } from '../isolation/child/index.ts';
import { type GuestBudget, GuestBudgets } from '../memory/index.ts';
import type { GuestContext } from '../transport/common/index.ts';
import { VfioUserServer } from '../transport/vfio-user/index.ts';
import { VhostUserServer } from '../transport/vhost-user/index.ts';
import type { DaemonConfig, DeviceConfig } from './config.ts';
import { DeviceFactory, type MakeDevice } from './device-factory.ts';
import { ENDING_SIGNALS } from './ending-signals.ts';
import { lastResort } from './last-resort.ts';
import type { Logger } from './logger.ts';
import { announceReady } from './ready.ts';
import type { SourceChoice } from './source-choice.ts';

/** A socket that is served. */
export interface ServedSocket {
  readonly name: string;
  readonly kind: DeviceConfig['kind'];
  readonly transport: DeviceConfig['transport'];
  readonly path: string;
}

/** See the top of the file. */
export class Daemon implements AsyncDisposable {
  readonly sockets: readonly ServedSocket[];
  readonly #log: Logger;
  readonly #parts: AsyncDisposableStack;
  readonly #factory: DeviceFactory;

  private constructor(sockets: readonly ServedSocket[], factory: DeviceFactory, parts: AsyncDisposableStack, log: Logger) {
    this.#factory = factory;
    this.sockets = sockets;
    this.#parts = parts;
    this.#log = log;
  }

  /** Opens the sources and listens on every socket. Throws `ConfigError`, or the error of the part that could not be had. */
  static async start(config: DaemonConfig, log: Logger): Promise<Daemon> {
    await using parts = new AsyncDisposableStack();
    const { level, missing } = isolation();
    log.info({ level, missing, cgroup: cgroupText() }, 'sandbox of child processes');
    const factory = parts.use(await DeviceFactory.open(config, log));
    const sockets: ServedSocket[] = [];
    const budgets = new GuestBudgets({
      buffers: { guest: config['guest-buffers'], all: config['all-buffers'] },
      addresses: { guest: config['guest-addresses'], all: config['all-addresses'] },
    });
    for (const [i, device] of config.devices.entries()) {
      const make = factory.device(device, `devices[${i}]`);
      for (const [at, path] of device.socket.entries()) {
        const machine = device.vm?.[at] ?? device.vm?.[0];
        const name = device.name;
        const server = listen(path, device, make, () => budgets.of(machine), config, log.child({ device: name, socket: path }));
        parts.defer(() => server.close());
        sockets.push({ name, kind: device.kind, transport: device.transport, path });
        log.info({ device: name, kind: device.kind, transport: device.transport, socket: path }, 'listening');
      }
    }
    return new Daemon(sockets, factory, parts.move(), log);
  }

  /** The sources of the configuration that show one of several others, by their names: `choose` of one shows another. */
  get choices(): ReadonlyMap<string, SourceChoice> {
    return this.#factory.choices;
  }

  /**
   * Announces that it is ready on `readyFd` and serves until one of ENDING_SIGNALS, or with `untilEof` until standard input ends; a
   * second signal of the kind ends the process at once. Throws `ConfigError`, with everything taken down, if nobody can be told.
   */
  async runUntilSignal(readyFd: number, untilEof = false): Promise<void> {
    using _faults = lastResort(this.#log, () => stop('too many faults of our own'));
    let stop: (reason: string) => void = () => {};
    const reason = new Promise<string>((resolve) => {
      stop = resolve;
      for (const name of ENDING_SIGNALS) process.once(name, () => resolve(name));
      if (untilEof) process.stdin.once('close', () => resolve('end of standard input')).resume();
    });
    try {
      announceReady(this.sockets, readyFd);
    } catch (error) {
      await this[Symbol.asyncDispose]();
      if (untilEof) process.stdin.destroy();
      throw error;
    }
    this.#log.info({ reason: await reason }, 'stopping');
    await this[Symbol.asyncDispose]();
    if (untilEof) process.stdin.destroy();
  }

  /** Disconnects all guests, closes the sockets and removes their files, ends codec and source processes and workers. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#parts.disposeAsync();
    this.#log.info({ copies: this.#factory.copies }, 'stopped');
  }
}

/** One socket of a device, on the transport that it is configured for. */
function listen(
  path: string,
  device: DeviceConfig,
  make: MakeDevice,
  budget: () => GuestBudget,
  config: DaemonConfig,
  log: Logger,
): { close(): Promise<void> } {
  const virtio = (guest: GuestContext): VirtioDevice =>
    new VirtioMediaDevice({ device: make(guest), memory: guest.memory, window: guest.window });
  if (device.transport === 'vfio-user') {
    const shared = config['vfio-shared-memory'];
    return VfioUserServer.listen({
      path,
      device: virtio,
      log,
      budget,
      arenaBytes: config['vfio-arena'],
      shared,
      memory: device.memory,
    });
  }
  return VhostUserServer.listen({
    path,
    device: virtio,
    log,
    budget,
    oldShmemBit: config['old-shmem-bit'],
    arenaBytes: config.arena,
    memory: device.memory,
  });
}
