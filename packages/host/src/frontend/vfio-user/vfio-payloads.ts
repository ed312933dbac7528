// SPDX-License-Identifier: Apache-2.0
/** Payloads of vfio-user commands, from their parts. */
import {
  device_info,
  dma_map,
  dma_unmap,
  irq_info,
  irq_set,
  region_access,
  region_info,
  version,
  vfio_header,
} from '../../transport/vfio-user/index.ts';

/** VERSION, with the capabilities that QEMU names. */
export function versionPayload(): Uint8Array {
  const capabilities = { max_msg_fds: 16, max_dma_maps: 65535, max_data_xfer_size: 1 << 20, write_multiple: true };
  const json = new TextEncoder().encode(`${JSON.stringify({ capabilities })}\0`);
  return versionBytes(json);
}

/**
 * The whole message must not have a size of 4n+1: a vhost-user back-end reads the size as the flags of a message, and would take
 * that for its own version and wait for more in place of closing the connection. The JSON may have spaces.
 */
function versionBytes(json: Uint8Array): Uint8Array {
  if ((vfio_header.size + version.size + json.length) % 4 === 1) return versionBytes(Uint8Array.from([0x20, ...json]));
  const bytes = new Uint8Array(version.size + json.length);
  bytes.set(json, version.size);
  return bytes;
}

/** DEVICE_GET_INFO. */
export function deviceInfoPayload(): Uint8Array {
  return words(device_info.size, [device_info.size]);
}

/** DEVICE_GET_REGION_INFO. */
export function regionInfoPayload(index: number): Uint8Array {
  return words(region_info.size, [region_info.size, 0, index]);
}

/** DEVICE_GET_IRQ_INFO. */
export function irqInfoPayload(index: number): Uint8Array {
  return words(irq_info.size, [irq_info.size, 0, index]);
}

/** DEVICE_SET_IRQS without data of its own. */
export function setIrqsPayload(flags: number, index: number, start: number, count: number): Uint8Array {
  return words(irq_set.size, [irq_set.size, flags, index, start, count]);
}

/** DMA_MAP. */
export function mapPayload(address: number, size: number, offset: number, flags: number): Uint8Array {
  const bytes = words(dma_map.size, [dma_map.size, flags]);
  const view = new DataView(bytes.buffer);
  dma_map.fields.offset.set(view, 0, offset);
  dma_map.fields.address.set(view, 0, address);
  dma_map.fields.size.set(view, 0, size);
  return bytes;
}

/** DMA_UNMAP. */
export function unmapPayload(address: number, size: number, flags = 0): Uint8Array {
  const bytes = words(dma_unmap.size, [dma_unmap.size, flags]);
  const view = new DataView(bytes.buffer);
  dma_unmap.fields.address.set(view, 0, address);
  dma_unmap.fields.size.set(view, 0, size);
  return bytes;
}

/** REGION_READ, and REGION_WRITE with its bytes. */
export function accessPayload(region: number, offset: number, count: number, data: Uint8Array = new Uint8Array(0)): Uint8Array {
  const bytes = new Uint8Array(region_access.size + data.length);
  const view = new DataView(bytes.buffer);
  region_access.fields.offset.set(view, 0, offset);
  region_access.fields.region.set(view, 0, region);
  region_access.fields.count.set(view, 0, count);
  bytes.set(data, region_access.size);
  return bytes;
}

function words(size: number, values: readonly number[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  for (const [i, value] of values.entries()) view.setUint32(4 * i, value, true);
  return bytes;
}
