// SPDX-License-Identifier: Apache-2.0
/**
 * Numbers and messages of the vfio-user protocol (libvfio-user and QEMU documentation, "vfio-user Protocol Specification"),
 * as far as a PCI device needs them. All integers are little-endian.
 */
import { addr64, bytes, struct, u16, u32 } from '@paravideo/core';

/** commands, by name */
export const Command = {
  VERSION: 1,
  DMA_MAP: 2,
  DMA_UNMAP: 3,
  DEVICE_GET_INFO: 4,
  DEVICE_GET_REGION_INFO: 5,
  DEVICE_GET_IRQ_INFO: 7,
  DEVICE_SET_IRQS: 8,
  REGION_READ: 9,
  REGION_WRITE: 10,
  DEVICE_RESET: 13,
  REGION_WRITE_MULTI: 15,
} as const;

/** name of a command that is known here */
export type CommandName = keyof typeof Command;

/** `flags` of a header: the four bits of the type */
export const FLAG_TYPE_MASK = 0xf;
/** type: a command */
export const TYPE_COMMAND = 0;
/** type: a reply */
export const TYPE_REPLY = 1;
/** `flags` of a command: no reply is wanted */
export const FLAG_NO_REPLY = 0x10;
/** `flags` of a reply: it failed, `error` says why */
export const FLAG_ERROR = 0x20;

/** protocol version: major, which must be the same, and minor */
export const PROTOCOL_MAJOR = 0;
/** highest minor version that is spoken here */
export const PROTOCOL_MINOR = 0;

/** bytes of one region access at most: what clients assume unless told otherwise */
export const MAX_TRANSFER = 1 << 20;
/** bytes of a message at most: a region access with what stands before it */
export const MAX_MESSAGE_BYTES: number = MAX_TRANSFER + 64;
/** descriptors of a message: Cloud Hypervisor sends up to 16 whatever it is told */
export const MAX_MESSAGE_FDS = 16;
/** writes in one REGION_WRITE_MULTI */
export const MAX_MULTI_WRITES = 200;
/** pieces of guest memory */
export const MAX_DMA_MAPS = 4096;

/** regions of a PCI device, by index: six base address registers, ROM, configuration space, VGA */
export const NUM_REGIONS = 9;
/** region of the configuration space */
export const CONFIG_REGION = 7;
/** interrupts of a PCI device, by index: INTx, MSI, MSI-X; errors and requests to let go are not told by this one */
export const NUM_IRQS = 3;
/** index of MSI-X */
export const MSIX_IRQ = 2;

/** DEVICE_GET_INFO: the device can be reset */
export const DEVICE_FLAG_RESET = 1;
/** DEVICE_GET_INFO: it is a PCI device */
export const DEVICE_FLAG_PCI = 2;
/** DEVICE_GET_REGION_INFO: can be read, can be written, can be mapped */
export const REGION_FLAG = { READ: 1, WRITE: 2, MMAP: 4 } as const;
/** DEVICE_GET_IRQ_INFO: raised through eventfds */
export const IRQ_FLAG_EVENTFD = 1;
/** DMA_MAP: the device may read, may write */
export const DMA_FLAG = { READ: 1, WRITE: 2 } as const;
/** DMA_UNMAP: a bitmap of dirty pages is wanted; everything is to go */
export const UNMAP_FLAG = { DIRTY_BITMAP: 1, ALL: 2 } as const;
/** DEVICE_SET_IRQS: what comes with it, and what it does */
export const IRQ_SET = { DATA_NONE: 1, DATA_BOOL: 2, DATA_EVENTFD: 4, MASK: 8, UNMASK: 16, TRIGGER: 32 } as const;

/** header of every message; `size` counts it in */
export const vfio_header = struct('vfio_header', 16, { id: u16, command: u16, size: u32, flags: u32, error: u32 });
/** start of VERSION; JSON with its NUL follows */
export const version = struct('version', 4, { major: u16, minor: u16 });
/** DMA_MAP */
export const dma_map = struct('dma_map', 32, { argsz: u32, flags: u32, offset: addr64, address: addr64, size: addr64 });
/** DMA_UNMAP, request and reply */
export const dma_unmap = struct('dma_unmap', 24, { argsz: u32, flags: u32, address: addr64, size: addr64 });
/** DEVICE_GET_INFO, request and reply */
export const device_info = struct('device_info', 16, { argsz: u32, flags: u32, num_regions: u32, num_irqs: u32 });
/** DEVICE_GET_REGION_INFO, request and reply */
export const region_info = struct('region_info', 32, {
  argsz: u32,
  flags: u32,
  index: u32,
  cap_offset: u32,
  size: addr64,
  offset: addr64,
});
/** DEVICE_GET_IRQ_INFO, request and reply */
export const irq_info = struct('irq_info', 16, { argsz: u32, flags: u32, index: u32, count: u32 });
/** start of DEVICE_SET_IRQS; one byte a vector may follow */
export const irq_set = struct('irq_set', 20, { argsz: u32, flags: u32, index: u32, start: u32, count: u32 });
/** REGION_READ and REGION_WRITE; the bytes follow, in the reply of one and the request of the other */
export const region_access = struct('region_access', 16, { offset: addr64, region: u32, count: u32 });
/** start of REGION_WRITE_MULTI */
export const write_multi = struct('write_multi', 8, { count: addr64 });
/** one write of REGION_WRITE_MULTI */
export const write_entry = struct('write_entry', 24, { offset: addr64, region: u32, count: u32, data: bytes(8) });

/** Payload bytes that a command has at least; more follows only where `grows`. */
export interface CommandRule {
  readonly name: CommandName;
  readonly size: number;
  readonly grows?: true;
}

const rules: readonly CommandRule[] = [
  { name: 'VERSION', size: version.size, grows: true },
  { name: 'DMA_MAP', size: dma_map.size },
  { name: 'DMA_UNMAP', size: dma_unmap.size, grows: true },
  { name: 'DEVICE_GET_INFO', size: device_info.size },
  { name: 'DEVICE_GET_REGION_INFO', size: region_info.size },
  { name: 'DEVICE_GET_IRQ_INFO', size: irq_info.size },
  { name: 'DEVICE_SET_IRQS', size: irq_set.size, grows: true },
  { name: 'REGION_READ', size: region_access.size },
  { name: 'REGION_WRITE', size: region_access.size, grows: true },
  { name: 'DEVICE_RESET', size: 0 },
  { name: 'REGION_WRITE_MULTI', size: write_multi.size, grows: true },
];

/** The rules by command number; what is not in here is unknown. */
export const commandRules: ReadonlyMap<number, CommandRule> = new Map(rules.map((rule) => [Command[rule.name], rule]));
