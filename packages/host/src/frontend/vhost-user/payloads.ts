// SPDX-License-Identifier: Apache-2.0
/** Payloads of requests, from their parts. */
import { memory_region, single_region, u64_payload, vring_state } from '../../transport/vhost-user/index.ts';
import { FrontendError } from '../frontend-error.ts';
import type { RamRegion } from '../guest-ram.ts';

/** The number that an answer holds; throws `FrontendError` if it holds none. */
export function value(payload: DataView): bigint {
  if (payload.byteLength !== u64_payload.size)
    throw new FrontendError(`the back-end answered ${payload.byteLength} bytes where a number was due`);
  return u64_payload.fields.value.get(payload, 0);
}

/** `vring_state`. */
export function state(index: number, num: number): Uint8Array {
  const bytes = new Uint8Array(vring_state.size);
  const view = new DataView(bytes.buffer);
  vring_state.fields.index.set(view, 0, index);
  vring_state.fields.num.set(view, 0, num);
  return bytes;
}

/** Writes a `memory_region` at `base`. */
export function setRegion(view: DataView, base: number, region: Omit<RamRegion, 'fd'>, mmapOffset: number): void {
  const f = memory_region.fields;
  f.guest_addr.set(view, base, region.address);
  f.size.set(view, base, region.length);
  f.user_addr.set(view, base, BigInt(region.userAddress));
  f.mmap_offset.set(view, base, mmapOffset);
}

/** Payload of ADD_MEM_REG and REM_MEM_REG. */
export function singleRegion(region: Omit<RamRegion, 'fd'>, mmapOffset = 0): Uint8Array {
  const bytes = new Uint8Array(single_region.size);
  setRegion(new DataView(bytes.buffer), single_region.fields.region.offset, region, mmapOffset);
  return bytes;
}
