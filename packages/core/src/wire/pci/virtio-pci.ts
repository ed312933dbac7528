// SPDX-License-Identifier: Apache-2.0
/** Registers and capabilities of a modern virtio device on PCI (VIRTIO 1.4, 4.1; PCI Local Bus 3.0, 6.1, 6.7 and 6.8). */
import { array, bytes, pad, struct, u8, u16, u32 } from '../index.ts';

/** vendor id of every virtio device */
export const VIRTIO_PCI_VENDOR_ID = 0x1af4;
/** device id of virtio device type 0; the type is added */
export const VIRTIO_PCI_DEVICE_ID_BASE = 0x1040;
/** subsystem id of devices that name none of their own */
export const VIRTIO_PCI_SUBSYSTEM_ID = 0x1100;
/** class code of other multimedia controllers */
export const PCI_CLASS_MULTIMEDIA_OTHER = 0x048000;

/** bytes of the configuration space */
export const PCI_CONFIG_BYTES = 256;
/** PCI_COMMAND_MEMORY: the function answers at its memory regions */
export const PCI_COMMAND_MEMORY = 0x0002;
/** PCI_COMMAND_MASTER: the function may read and write the memory of the machine */
export const PCI_COMMAND_MASTER = 0x0004;
/** `command`: answers I/O accesses, answers memory accesses, masters the bus, keeps its interrupt line quiet */
export const PCI_COMMAND_WRITABLE = 0x0407;
/** `status`: the capability pointer is there */
export const PCI_STATUS_CAP_LIST = 0x10;
/** capability ids */
export const PCI_CAP_ID_VNDR = 0x09;
/** capability id of MSI-X */
export const PCI_CAP_ID_MSIX = 0x11;
/** MSI-X message control: enabled */
export const PCI_MSIX_FLAGS_ENABLE = 0x8000;
/** MSI-X message control: all vectors masked */
export const PCI_MSIX_FLAGS_MASKALL = 0x4000;
/** base address register: 64-bit memory */
export const PCI_BAR_MEM_64 = 0x4;
/** base address register: prefetchable memory */
export const PCI_BAR_MEM_PREFETCH = 0x8;

/** `cfg_type` of a virtio capability */
export const VirtioPciCap = { COMMON: 1, NOTIFY: 2, ISR: 3, DEVICE: 4, PCI_CFG: 5, SHARED_MEMORY: 8 } as const;

/** device status bits (VIRTIO 1.4, 2.1) */
export const VirtioStatus = {
  ACKNOWLEDGE: 1,
  DRIVER: 2,
  DRIVER_OK: 4,
  FEATURES_OK: 8,
  DEVICE_NEEDS_RESET: 0x40,
  FAILED: 0x80,
} as const;

/** ISR status: a queue has used buffers */
export const VIRTIO_ISR_QUEUE = 1;
/** ISR status: the configuration changed */
export const VIRTIO_ISR_CONFIG = 2;
/** "no vector" of `config_msix_vector` and `queue_msix_vector` */
export const VIRTIO_MSI_NO_VECTOR = 0xffff;

/** bytes of one entry of the MSI-X table */
export const MSIX_ENTRY_BYTES = 16;

/** header of the configuration space, type 0 */
export const pci_header = struct('pci_header', 64, {
  vendor_id: u16,
  device_id: u16,
  command: u16,
  status: u16,
  revision_id: u8,
  class_interface: u8,
  class_sub: u8,
  class_base: u8,
  cache_line_size: u8,
  latency_timer: u8,
  header_type: u8,
  bist: u8,
  base_address: array(u32, 6),
  cardbus_cis: u32,
  subsystem_vendor_id: u16,
  subsystem_id: u16,
  rom_address: u32,
  capabilities_pointer: u8,
  _reserved: pad(7),
  interrupt_line: u8,
  interrupt_pin: u8,
  min_gnt: u8,
  max_lat: u8,
});

/** MSI-X capability */
export const pci_msix_cap = struct('pci_msix_cap', 12, { cap_id: u8, cap_next: u8, control: u16, table: u32, pba: u32 });

/** virtio capability: where a structure lies */
export const virtio_pci_cap = struct('virtio_pci_cap', 16, {
  cap_vndr: u8,
  cap_next: u8,
  cap_len: u8,
  cfg_type: u8,
  bar: u8,
  id: u8,
  _padding: pad(2),
  offset: u32,
  length: u32,
});
/** virtio capability of the notification area */
export const virtio_pci_notify_cap = struct('virtio_pci_notify_cap', 20, { cap: virtio_pci_cap, notify_off_multiplier: u32 });
/** virtio capability that gives access to the other structures through the configuration space */
export const virtio_pci_cfg_cap = struct('virtio_pci_cfg_cap', 20, { cap: virtio_pci_cap, pci_cfg_data: bytes(4, 4) });
/** virtio capability of a shared memory region */
export const virtio_pci_cap64 = struct('virtio_pci_cap64', 24, { cap: virtio_pci_cap, offset_hi: u32, length_hi: u32 });

/** common configuration; the 64-bit addresses are two registers each, as drivers access them (4.1.3.1) */
export const virtio_pci_common_cfg = struct('virtio_pci_common_cfg', 56, {
  device_feature_select: u32,
  device_feature: u32,
  driver_feature_select: u32,
  driver_feature: u32,
  config_msix_vector: u16,
  num_queues: u16,
  device_status: u8,
  config_generation: u8,
  queue_select: u16,
  queue_size: u16,
  queue_msix_vector: u16,
  queue_enable: u16,
  queue_notify_off: u16,
  queue_desc_lo: u32,
  queue_desc_hi: u32,
  queue_driver_lo: u32,
  queue_driver_hi: u32,
  queue_device_lo: u32,
  queue_device_hi: u32,
});
