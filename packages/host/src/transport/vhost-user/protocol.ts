// SPDX-License-Identifier: Apache-2.0
/**
 * Numbers and payloads of the vhost-user protocol (QEMU documentation, "Vhost-user Protocol"), as far as a device
 * without a kernel's part needs them. Integers are in host byte order, which is little-endian on every machine that this runs on.
 */
import { addr64, bytes, struct, u8, u32, u64 } from '@paravideo/core';

/** requests of the front-end, by name */
export const Request = {
  GET_FEATURES: 1,
  SET_FEATURES: 2,
  SET_OWNER: 3,
  RESET_OWNER: 4,
  SET_MEM_TABLE: 5,
  SET_VRING_NUM: 8,
  SET_VRING_ADDR: 9,
  SET_VRING_BASE: 10,
  GET_VRING_BASE: 11,
  SET_VRING_KICK: 12,
  SET_VRING_CALL: 13,
  SET_VRING_ERR: 14,
  GET_PROTOCOL_FEATURES: 15,
  SET_PROTOCOL_FEATURES: 16,
  GET_QUEUE_NUM: 17,
  SET_VRING_ENABLE: 18,
  SET_BACKEND_REQ_FD: 21,
  GET_CONFIG: 24,
  SET_CONFIG: 25,
  RESET_DEVICE: 34,
  GET_MAX_MEM_SLOTS: 36,
  ADD_MEM_REG: 37,
  REM_MEM_REG: 38,
  SET_STATUS: 39,
  GET_STATUS: 40,
  GET_SHMEM_CONFIG: 44,
} as const;

/** name of a request this back-end knows */
export type RequestName = keyof typeof Request;

/** requests of the back-end, on its own channel */
export const BackendRequest = { CONFIG_CHANGE_MSG: 2, SHMEM_MAP: 9, SHMEM_UNMAP: 10 } as const;

/** feature bit: protocol features follow */
export const VHOST_USER_F_PROTOCOL_FEATURES = 30;

/** protocol feature bits */
export const ProtocolFeature = {
  MQ: 0,
  REPLY_ACK: 3,
  BACKEND_REQ: 5,
  CONFIG: 9,
  BACKEND_SEND_FD: 10,
  RESET_DEVICE: 13,
  CONFIGURE_MEM_SLOTS: 15,
  STATUS: 16,
  /** the bit of SHMEM in front-ends before it was settled; today it is GPA_ADDRESSES */
  SHMEM_OLD: 21,
  SHMEM: 22,
} as const;

/** name of a protocol feature */
export type ProtocolFeatureName = keyof typeof ProtocolFeature;

/** `flags` of a header: version 1 */
export const FLAG_VERSION = 1;
/** `flags` of a header: the two bits of the version */
export const FLAG_VERSION_MASK = 3;
/** `flags` of a header: a reply */
export const FLAG_REPLY = 4;
/** `flags` of a header: an acknowledgement is wanted */
export const FLAG_NEED_REPLY = 8;

/** largest payload of a request; the largest that is defined has 268 bytes (VU-V1) */
export const MAX_REQUEST_BYTES = 4096;
/** regions in a SET_MEM_TABLE */
export const MAX_TABLE_REGIONS = 8;
/** regions by ADD_MEM_REG: what QEMU's own limit is */
export const MAX_MEM_SLOTS = 509;

/** the vring index in SET_VRING_KICK, CALL and ERR */
export const VRING_INDEX_MASK = 0xff;
/** "no descriptor" in SET_VRING_KICK, CALL and ERR */
export const VRING_NO_FD = 0x100;

/** header of every message */
export const message_header = struct('message_header', 12, { request: u32, flags: u32, size: u32 });
/** payload of many: one number */
export const u64_payload = struct('u64_payload', 8, { value: u64 });

/** A payload of one number. */
export function number64(value: bigint): Uint8Array {
  const bytes = new Uint8Array(u64_payload.size);
  u64_payload.fields.value.set(new DataView(bytes.buffer), 0, value);
  return bytes;
}
/** payload of SET_VRING_NUM, BASE, ENABLE and GET_VRING_BASE */
export const vring_state = struct('vring_state', 8, { index: u32, num: u32 });
/** payload of SET_VRING_ADDR */
export const vring_addr = struct('vring_addr', 40, {
  index: u32,
  flags: u32,
  descriptors: addr64,
  used: addr64,
  available: addr64,
  log: addr64,
});
/** one region of guest memory */
export const memory_region = struct('memory_region', 32, {
  guest_addr: addr64,
  size: addr64,
  user_addr: u64,
  mmap_offset: addr64,
});
/** payload of ADD_MEM_REG and REM_MEM_REG */
export const single_region = struct('single_region', 40, { _padding: bytes(8, 8), region: memory_region });
/** start of SET_MEM_TABLE's payload; the regions follow */
export const memory_table = struct('memory_table', 8, { regions: u32, _padding: bytes(4) });
/** start of the payload of GET_CONFIG and SET_CONFIG; the bytes follow */
export const config_header = struct('config_header', 12, { offset: u32, size: u32, flags: u32 });
/** start of GET_SHMEM_CONFIG's reply; 256 sizes of 8 bytes follow */
export const shmem_config = struct('shmem_config', 8, { regions: u32, _padding: bytes(4) });
/** bytes of GET_SHMEM_CONFIG's reply */
export const SHMEM_CONFIG_BYTES = 8 + 256 * 8;
/** payload of SHMEM_MAP and SHMEM_UNMAP */
export const shmem_map = struct('shmem_map', 40, {
  shmid: u8,
  _padding: bytes(7),
  fd_offset: addr64,
  shm_offset: addr64,
  length: addr64,
  flags: u64,
});
/** `flags` of SHMEM_MAP: writable */
export const SHMEM_MAP_RW = 1n;

/** The exact payload size of a request, its descriptors, the feature that it belongs to, and whether it has a reply of its own. */
export interface RequestRule {
  readonly name: RequestName;
  /** bytes; 'table' and 'config' agree with a count inside (VU-V2) */
  readonly size: number | 'table' | 'config';
  /** 'regions': one for each region; 'unless-flagged': one unless VRING_NO_FD is set */
  readonly fds: number | 'regions' | 'unless-flagged';
  readonly feature?: ProtocolFeatureName;
  readonly replies?: true;
}

const rules: readonly RequestRule[] = [
  { name: 'GET_FEATURES', size: 0, fds: 0, replies: true },
  { name: 'SET_FEATURES', size: 8, fds: 0 },
  { name: 'SET_OWNER', size: 0, fds: 0 },
  { name: 'RESET_OWNER', size: 0, fds: 0 },
  { name: 'SET_MEM_TABLE', size: 'table', fds: 'regions' },
  { name: 'SET_VRING_NUM', size: 8, fds: 0 },
  { name: 'SET_VRING_ADDR', size: 40, fds: 0 },
  { name: 'SET_VRING_BASE', size: 8, fds: 0 },
  { name: 'GET_VRING_BASE', size: 8, fds: 0, replies: true },
  { name: 'SET_VRING_KICK', size: 8, fds: 'unless-flagged' },
  { name: 'SET_VRING_CALL', size: 8, fds: 'unless-flagged' },
  { name: 'SET_VRING_ERR', size: 8, fds: 'unless-flagged' },
  { name: 'GET_PROTOCOL_FEATURES', size: 0, fds: 0, replies: true },
  { name: 'SET_PROTOCOL_FEATURES', size: 8, fds: 0 },
  { name: 'GET_QUEUE_NUM', size: 0, fds: 0, feature: 'MQ', replies: true },
  { name: 'SET_VRING_ENABLE', size: 8, fds: 0 },
  { name: 'SET_BACKEND_REQ_FD', size: 0, fds: 1, feature: 'BACKEND_REQ' },
  { name: 'GET_CONFIG', size: 'config', fds: 0, feature: 'CONFIG', replies: true },
  { name: 'SET_CONFIG', size: 'config', fds: 0, feature: 'CONFIG' },
  { name: 'RESET_DEVICE', size: 0, fds: 0, feature: 'RESET_DEVICE' },
  { name: 'GET_MAX_MEM_SLOTS', size: 0, fds: 0, feature: 'CONFIGURE_MEM_SLOTS', replies: true },
  { name: 'ADD_MEM_REG', size: 40, fds: 1, feature: 'CONFIGURE_MEM_SLOTS' },
  { name: 'REM_MEM_REG', size: 40, fds: 0, feature: 'CONFIGURE_MEM_SLOTS' },
  { name: 'SET_STATUS', size: 8, fds: 0, feature: 'STATUS' },
  { name: 'GET_STATUS', size: 0, fds: 0, feature: 'STATUS', replies: true },
  { name: 'GET_SHMEM_CONFIG', size: 0, fds: 0, feature: 'SHMEM', replies: true },
];

/** The rules by request number; what is not in here is unknown. */
export const requestRules: ReadonlyMap<number, RequestRule> = new Map(rules.map((rule) => [Request[rule.name], rule]));
