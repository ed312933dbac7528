// SPDX-License-Identifier: Apache-2.0
/**
 * A virtio device as a PCI function: the device at one end, the guest's accesses to configuration space and regions at the other, the
 * rings between them. It runs wherever guest memory can be reached: behind a socket, or in the heap of a machine in a browser.
 */
import type { GuestMemory } from '../../memory/guest-memory.ts';
import type { MemoryGate } from '../../memory/memory-gate.ts';
import { makeQueue } from '../../virtqueue/make-queue.ts';
import { RING_FEATURES, type RingLayout, ringFeatures } from '../../virtqueue/ring-layout.ts';
import type { BusyPolling } from '../busy-polling.ts';
import { DEVICE_FEATURES, type VirtioDevice } from '../virtio-device.ts';
import { PciRing } from './pci-ring.ts';
import { VirtioPciDevice, type VirtioPciOwner } from './virtio-pci-device.ts';

/** What a function has around it. */
export interface PciFunctionHost {
  readonly memory: GuestMemory;
  readonly gate: MemoryGate;
  /** Accesses of the guest to shared memory region 0, inside it, that come as messages and not through a mapping. */
  readonly shared: NonNullable<VirtioPciOwner['shared']>;
  /** Sends MSI-X vector `n`. */
  raiseVector(n: number): void;
  /** Raises or lowers the interrupt line; only with `interruptPin` 1. */
  setInterruptLine?(raised: boolean): void;
  /** The function was reset: what the driver that is gone had set up around it is forgotten. */
  wasReset(): void;
  /** Runs a turn after whatever else the event loop has to do now. */
  soon(turn: () => void): void;
  /** True if `work` settled within the time for which a guest waits; its rejection is the caller's. */
  within(work: Promise<unknown>): Promise<boolean>;
  /** Milliseconds of a clock that only rises. */
  now(): number;
  /** see `VirtioDeviceHost` */
  readonly polling?: BusyPolling | undefined;
  log(level: 'debug' | 'info' | 'warn' | 'error', about: object, text: string): void;
}

/** What a function looks like. */
export interface PciFunctionOptions {
  /** bytes of shared memory region 0 where the device has it, a power of two from 4096 on */
  readonly sharedBytes: number;
  /** 1 for embedders without MSI-X; default 0 */
  readonly interruptPin?: 0 | 1;
}

/** See the top of the file. Disposing it ends the device. */
export class PciFunction implements VirtioPciOwner, AsyncDisposable {
  /** registers, configuration space and regions, for the guest's accesses */
  readonly pci: VirtioPciDevice;
  readonly device: VirtioDevice;
  readonly shared: NonNullable<VirtioPciOwner['shared']>;
  readonly #host: PciFunctionHost;
  readonly #rings: readonly PciRing[];
  /** rings whose doorbell was rung and that were not looked at yet */
  readonly #rung = new Set<number>();
  /** true while `work` is to come from the event loop: the rest of a backlog has its turn there, and only there */
  #again = false;
  /** settles when memory is let go of, as the guest asked by turning bus mastering off */
  #leaving: Promise<void> | undefined;
  #master = true;
  /** counts resets */
  #life = 0;

  constructor(device: VirtioDevice, host: PciFunctionHost, options: PciFunctionOptions) {
    this.device = device;
    this.shared = host.shared;
    this.#host = host;
    this.#rings = device.queues.map(() => new PciRing(makeQueue(host.memory), host.memory));
    this.pci = new VirtioPciDevice(
      {
        virtioId: device.id,
        features: RING_FEATURES | (device.features & DEVICE_FEATURES),
        queues: device.queues.length,
        configBytes: device.config().length,
        sharedBytes: device.sharedMemory ? options.sharedBytes : 0,
        interruptPin: options.interruptPin ?? 0,
      },
      this,
    );
    device.attach({
      queues: this.#rings.map(({ queue }) => queue),
      notify: (queue) => this.pci.interrupt(queue),
      again: () => this.#soon(),
      configChanged: () => this.pci.configChanged(),
      now: () => host.now(),
      polling: host.polling,
      onBug: (error) => host.log('error', { err: error }, 'a command failed for a reason of our own'),
    });
  }

  config(): Uint8Array {
    return this.device.config();
  }

  negotiated(features: bigint): void {
    this.device.negotiated(features & DEVICE_FEATURES);
  }

  startQueue(index: number, layout: RingLayout, features: bigint): boolean {
    // A driver that forbids memory and then wants a ring in it contradicts itself.
    if (this.#leaving !== undefined) return false;
    this.#host.gate.reopen();
    const error = this.#rings[index]?.start(layout, ringFeatures(features));
    if (error === undefined) this.#host.log('debug', { ring: index }, 'ring started');
    else {
      const about = { ring: index, code: error.code, err: error.message };
      this.#host.log('warn', about, 'a ring that is not sound: the device needs a reset');
    }
    return error === undefined;
  }

  /** Without bus mastering no byte of guest memory is touched; sessions and streams wait until it is on again. */
  busMaster(on: boolean): void {
    this.#master = on;
    if (!on && this.pci.state === 'live') this.#leaving ??= this.#leave();
    const left = this.#leaving;
    if (!on || left === undefined) return;
    void left.then(() => {
      if (this.#leaving !== left || !this.#master) return;
      this.#leaving = undefined;
      this.#host.gate.reopen();
      for (const [index, ring] of this.#rings.entries()) if (ring.letGo()) this.#rung.add(index);
      this.work();
    });
  }

  /** Settles when nothing touches guest memory any more, as the guest asked by turning bus mastering off. */
  get left(): Promise<void> | undefined {
    return this.#leaving;
  }

  raiseVector(n: number): void {
    this.#host.raiseVector(n);
  }

  setInterruptLine(raised: boolean): void {
    this.#host.setInterruptLine?.(raised);
  }

  /** Notes the queues that a write rang; `work` looks at them once the write was answered. */
  ring(queues: readonly number[]): void {
    for (const index of queues) this.#rung.add(index);
  }

  /** Looks at the rings whose doorbells were rung, unless their turn is to come. */
  work(): void {
    if (this.#again) return;
    for (const index of [...this.#rung]) {
      this.#rung.delete(index);
      this.#look(index);
    }
  }

  /** The guest's memory has other regions than before. */
  memoryChanged(): void {
    for (const [index, ring] of this.#rings.entries()) {
      if (ring.memoryChanged()) this.#rung.add(index);
      this.#checkBroken(index);
    }
  }

  /** The driver set status 0, or the machine resets the function. */
  async reset(): Promise<void> {
    this.#stop();
    const copies = this.#host.gate.close();
    this.#host.log('info', {}, 'device reset: all sessions are dropped');
    try {
      const closed = this.device.reset();
      this.#host.gate.giveUp();
      if (!(await this.#host.within(closed))) this.#host.log('warn', {}, 'sessions take long to close');
    } catch (error) {
      this.#host.log('error', { err: error }, 'the device failed to reset');
    }
    await copies;
    this.#host.wasReset();
  }

  /** Ends sessions and the device. When it resolves no guest memory is touched any more, as far as that can be waited for. Never rejects. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop();
    const { gate } = this.#host;
    const copies = gate.close();
    try {
      const closed = this.device.reset();
      gate.giveUp();
      if (!(await this.#host.within(closed))) this.#host.log('warn', {}, 'sessions take long to close: going on without them');
      if (!(await this.#host.within(Promise.resolve(this.device[Symbol.asyncDispose]())))) {
        this.#host.log('warn', {}, 'the device takes long to close: going on without it');
      }
    } catch (error) {
      this.#host.log('error', { err: error }, 'the device failed to close');
    }
    await this.#host.within(copies);
  }

  async #leave(): Promise<void> {
    const life = this.#life;
    // What was taken is answered first: an answer has no place to go to afterwards.
    const idle = await this.#host.within(this.device.idle());
    if (!idle) this.#host.log('warn', {}, 'commands take long to end: they get no answer');
    if (life !== this.#life) return;
    for (const ring of this.#rings) ring.hold();
    await this.#host.gate.close();
  }

  #stop(): void {
    this.#rung.clear();
    this.#leaving = undefined;
    this.#life += 1;
    for (const ring of this.#rings) ring.stop();
  }

  #look(index: number): void {
    if (this.#rings[index]?.running !== true || this.#leaving !== undefined) return;
    const more = this.device.kick(index);
    this.#checkBroken(index);
    if (!more) return;
    this.#rung.add(index);
    this.#soon();
  }

  #soon(): void {
    if (this.#again) return;
    this.#again = true;
    this.#host.soon(() => {
      this.#again = false;
      this.device.resume();
      for (const [index, role] of this.device.queues.entries()) if (role === 'answered') this.#rung.add(index);
      this.work();
    });
  }

  #checkBroken(index: number): void {
    const error = this.#rings[index]?.error;
    if (error === undefined || this.pci.state !== 'live') return;
    const about = { ring: index, code: error.code, err: error.message };
    this.#host.log('warn', about, 'a ring is broken: the device needs a reset');
    this.pci.needsReset();
  }
}
