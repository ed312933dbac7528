// SPDX-License-Identifier: Apache-2.0
/**
 * A configuration space of 256 bytes: a type 0 header, base address registers that can be sized, a list of capabilities.
 * Every bit is either fixed or plain storage; a write changes the bits that are storage and nothing else, so a base address
 * register that is written with all ones reads as its size mask. What a register means is its reader's business.
 */
import { roundUp } from '../../base/index.ts';
import {
  PCI_BAR_MEM_64,
  PCI_BAR_MEM_PREFETCH,
  PCI_COMMAND_WRITABLE,
  PCI_CONFIG_BYTES,
  PCI_STATUS_CAP_LIST,
  pci_header,
} from '../../wire/pci/virtio-pci.ts';
import { PciError } from './pci-error.ts';

/** What the header says. */
export interface PciIdentity {
  readonly vendorId: number;
  readonly deviceId: number;
  readonly subsystemId: number;
  readonly revision: number;
  /** 24 bits: base class, sub-class, interface */
  readonly classCode: number;
  /** 0: no interrupt line; 1: INTA */
  readonly interruptPin: 0 | 1;
}

/** A memory region behind a base address register. */
export interface PciBar {
  /** number of the register; a 64-bit one takes the next as well */
  readonly index: number;
  /** bytes, a power of two from 16 on */
  readonly size: number;
  readonly bits: 32 | 64;
  readonly prefetchable: boolean;
}

const WORD = 0x1_0000_0000;

/** See the top of the file. */
export class ConfigSpace {
  readonly #bytes = new Uint8Array(PCI_CONFIG_BYTES);
  readonly #writable = new Uint8Array(PCI_CONFIG_BYTES);
  readonly #view = new DataView(this.#bytes.buffer);
  /** where the next capability goes */
  #free = pci_header.size;
  /** the byte that points to the next capability */
  #link = pci_header.fields.capabilities_pointer.offset;

  constructor(identity: PciIdentity, bars: readonly PciBar[]) {
    const f = pci_header.fields;
    const view = this.#view;
    f.vendor_id.set(view, 0, identity.vendorId);
    f.device_id.set(view, 0, identity.deviceId);
    f.status.set(view, 0, PCI_STATUS_CAP_LIST);
    f.revision_id.set(view, 0, identity.revision);
    f.class_interface.set(view, 0, identity.classCode & 0xff);
    f.class_sub.set(view, 0, (identity.classCode >> 8) & 0xff);
    f.class_base.set(view, 0, (identity.classCode >> 16) & 0xff);
    f.subsystem_vendor_id.set(view, 0, identity.vendorId);
    f.subsystem_id.set(view, 0, identity.subsystemId);
    f.interrupt_pin.set(view, 0, identity.interruptPin);
    this.allow(f.command.offset, [PCI_COMMAND_WRITABLE & 0xff, PCI_COMMAND_WRITABLE >> 8]);
    for (const field of [f.cache_line_size, f.latency_timer, f.interrupt_line]) this.allow(field.offset, [0xff]);
    for (const bar of bars) this.#addBar(bar);
  }

  /**
   * Appends a capability; its first two bytes (id and link) are filled in here. Answers where it lies. Throws `PciError`
   * if it does not fit.
   */
  addCapability(id: number, content: Uint8Array): number {
    const at = this.#free;
    if (at + content.length > PCI_CONFIG_BYTES) {
      throw new PciError(`a capability of ${content.length} bytes at ${at} does not fit the configuration space`);
    }
    this.#bytes.set(content, at);
    this.#bytes[at] = id;
    this.#bytes[at + 1] = 0;
    this.#bytes[this.#link] = at;
    this.#link = at + 1;
    this.#free = roundUp(at + content.length, 4);
    return at;
  }

  /** Makes the bits of `masks`, byte by byte from `offset` on, writable. */
  allow(offset: number, masks: readonly number[]): void {
    this.#writable.set(masks, offset);
  }

  /** Reads registers of the device's own; not checked. */
  get view(): DataView {
    return this.#view;
  }

  /** A guest's read; what lies outside reads as all ones. */
  read(offset: number, into: Uint8Array): void {
    for (let i = 0; i < into.length; i++) into[i] = this.#bytes[offset + i] ?? 0xff;
  }

  /** A guest's write; what lies outside and what is fixed stays. */
  write(offset: number, from: Uint8Array): void {
    for (let i = 0; i < from.length; i++) {
      const at = offset + i;
      const mask = this.#writable[at] ?? 0;
      if (mask !== 0) this.#bytes[at] = ((this.#bytes[at] as number) & ~mask) | ((from[i] as number) & mask);
    }
  }

  /** Puts every writable bit back to 0, as a reset of the bus does. */
  clear(): void {
    for (let at = 0; at < PCI_CONFIG_BYTES; at++) this.#bytes[at] = (this.#bytes[at] as number) & ~(this.#writable[at] as number);
  }

  #addBar({ index, size, bits, prefetchable }: PciBar): void {
    const registers = bits === 64 ? 2 : 1;
    const sound = Number.isInteger(Math.log2(size)) && size >= 16 && (bits === 64 || size <= WORD / 2);
    if (!sound || index < 0 || index + registers > 6) {
      throw new PciError(`a region of ${size} bytes behind base address register ${index}: choose a power of two that fits`);
    }
    const at = pci_header.fields.base_address.at(index).offset;
    const type = (bits === 64 ? PCI_BAR_MEM_64 : 0) | (prefetchable ? PCI_BAR_MEM_PREFETCH : 0);
    this.#view.setUint32(at, type, true);
    const low = size >= WORD ? 0 : WORD - size;
    this.allow(at, word(low));
    if (bits === 64) this.allow(at + 4, word(size > WORD ? WORD - size / WORD : WORD - 1));
  }
}

function word(value: number): number[] {
  return [value & 0xff, (value >>> 8) & 0xff, (value >>> 16) & 0xff, (value >>> 24) & 0xff];
}
