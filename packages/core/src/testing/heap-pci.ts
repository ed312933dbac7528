// SPDX-License-Identifier: Apache-2.0
/**
 * A machine with one PCI function, all in this heap: its driver reaches the function through registers, rings doorbells by writes to a
 * region and hears of interrupts by a line, as a machine emulated in a browser does.
 */
import { MemoryGate } from '../memory/memory-gate.ts';
import { RangeAllocator } from '../memory/range-allocator.ts';
import { RegionMemory } from '../memory/region-memory.ts';
import type { DriverTransport, GuestBlock } from '../virtio-device/driver-transport.ts';
import { PciFunction, VirtioPciDriver } from '../virtio-device/pci/index.ts';
import type { VirtioDevice } from '../virtio-device/virtio-device.ts';
import { RING_FEATURES, type RingFeatures, type RingLayout, ringFeatures } from '../virtqueue/ring-layout.ts';

const BASE = 0x10_0000;
const RAM_BYTES = 1 << 20;
/** bits of the interrupt status: a queue has used buffers, the configuration has changed */
const [ISR_QUEUE, ISR_CONFIG] = [1, 2];

const microtask = (): Promise<void> => Promise.resolve();

/** See the top of the file. */
export class HeapPci implements DriverTransport {
  readonly memory: RegionMemory = new RegionMemory();
  readonly gate: MemoryGate = new MemoryGate();
  readonly sharedLength: number = 0;
  readonly closed: Promise<string>;
  /** warnings and errors that the function told of */
  readonly complaints: string[] = [];
  readonly function: PciFunction;
  features: RingFeatures = ringFeatures(0n);
  deviceFeatures = 0n;
  driver: VirtioPciDriver | undefined;
  #resolveClosed: (reason: string) => void = () => {};
  readonly #ram = new Uint8Array(RAM_BYTES);
  readonly #ranges = new RangeAllocator(BASE, RAM_BYTES);
  readonly #listeners = new Map<number, () => void>();
  #configListener: (() => void) | undefined;

  private constructor(device: VirtioDevice) {
    this.memory.addRegion({ address: BASE, bytes: this.#ram });
    this.closed = new Promise((resolve) => {
      this.#resolveClosed = resolve;
    });
    const host = {
      memory: this.memory,
      gate: this.gate,
      shared: { read: () => {}, write: () => {} },
      raiseVector: () => {},
      setInterruptLine: (raised: boolean) => {
        if (raised) void microtask().then(() => this.#interrupted());
      },
      wasReset: () => {},
      soon: (turn: () => void) => void microtask().then(turn),
      within: (work: Promise<unknown>) => work.then(() => true),
      now: Date.now,
      log: (level: string, _about: object, text: string) => {
        if (level === 'warn' || level === 'error') this.complaints.push(text);
      },
    };
    this.function = new PciFunction(device, host, { sharedBytes: 0, interruptPin: 1 });
  }

  /** Starts a machine whose driver accepts these feature bits of the device. */
  static async start(device: VirtioDevice, deviceFeatures = 0n): Promise<HeapPci> {
    const machine = new HeapPci(device);
    const { pci } = machine.function;
    const read = async (into: Uint8Array, act: (into: Uint8Array) => unknown): Promise<Uint8Array> => {
      act(into);
      return into;
    };
    const wrote = async (rung: readonly number[] | undefined): Promise<void> => {
      machine.function.ring(rung ?? []);
      machine.function.work();
    };
    const access = {
      readConfig: (offset: number, length: number) => read(new Uint8Array(length), (into) => pci.readConfig(offset, into)),
      writeConfig: (offset: number, bytes: Uint8Array) => wrote(pci.writeConfig(offset, bytes)),
      readBar: (bar: number, offset: number, length: number) =>
        read(new Uint8Array(length), (into) => pci.readBar(bar, offset, into)),
      writeBar: (bar: number, offset: number, bytes: Uint8Array) => wrote(pci.writeBar(bar, offset, bytes)),
    };
    machine.driver = await VirtioPciDriver.probe(access, microtask);
    await machine.driver.reset();
    const accepted = await machine.driver.negotiate(RING_FEATURES | deviceFeatures);
    machine.features = ringFeatures(accepted);
    machine.deviceFeatures = accepted & deviceFeatures;
    return machine;
  }

  allocate(length: number): GuestBlock {
    const address = this.#ranges.take(Math.max(1, length), 4096);
    if (address === undefined) throw new RangeError('the machine has no memory left');
    return {
      address,
      bytes: this.#ram.subarray(address - BASE, address - BASE + length),
      free: () => this.#ranges.give(address, Math.max(1, length)),
    };
  }

  readConfig(offset: number, length: number): Promise<Uint8Array> {
    return this.#probed.readDeviceConfig(offset, length);
  }

  startQueue(index: number, layout: RingLayout): Promise<void> {
    return this.#probed.setupQueue(index, layout);
  }

  /** DRIVER_OK: the rings that were set up begin. */
  ready(): Promise<void> {
    return this.#probed.ready();
  }

  async stopQueue(): Promise<number> {
    throw new RangeError('a ring of a PCI function stops by a reset alone');
  }

  notify(index: number): void {
    void this.#probed.notify(index);
  }

  onInterrupt(index: number, listener: () => void): void {
    this.#listeners.set(index, listener);
  }

  onConfigChange(listener: () => void): void {
    this.#configListener = listener;
  }

  shared(): undefined {
    return undefined;
  }

  async close(): Promise<void> {
    await this.function[Symbol.asyncDispose]();
    this.#resolveClosed('the machine was closed');
  }

  get #probed(): VirtioPciDriver {
    if (this.driver === undefined) throw new RangeError('the machine has not looked at its function yet');
    return this.driver;
  }

  /** The line is up: reading the interrupt status lowers it. */
  #interrupted(): void {
    const { bar, offset } = this.#probed.structures.isr;
    const status = new Uint8Array(1);
    this.function.pci.readBar(bar, offset, status);
    if (((status[0] ?? 0) & ISR_CONFIG) !== 0) this.#configListener?.();
    if (((status[0] ?? 0) & ISR_QUEUE) !== 0) for (const listener of this.#listeners.values()) listener();
  }
}
