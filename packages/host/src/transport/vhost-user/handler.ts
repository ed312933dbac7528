// SPDX-License-Identifier: Apache-2.0
/**
 * What each message does: checks it (VU-V1 to VU-V7, VU-V15), carries it out, answers it. A request that cannot be granted
 * is acknowledged with a failure where the front-end asked for an answer, and logged otherwise; a message that makes no
 * sense ends the connection, and only that.
 */
import { bit, DEVICE_FEATURES, RING_FEATURES, ringFeatures, VIRTIO_F_VERSION_1 } from '@paravideo/core';
import type { Log } from '../../log/index.ts';
import { descriptorKind, type Fd, SysError } from '../../sys/index.ts';
import { GuestCloser } from '../common/index.ts';
import { BackendChannel } from './backend-channel.ts';
import type { VhostConnection, VhostMessage } from './connection.ts';
import type { GuestBackend } from './guest-backend.ts';
import type { RegionDescription } from './memory-table.ts';
import {
  BackendRequest,
  config_header,
  FLAG_NEED_REPLY,
  FLAG_REPLY,
  FLAG_VERSION_MASK,
  MAX_MEM_SLOTS,
  MAX_TABLE_REGIONS,
  memory_region,
  memory_table,
  number64,
  ProtocolFeature,
  type ProtocolFeatureName,
  type RequestName,
  type RequestRule,
  requestRules,
  SHMEM_CONFIG_BYTES,
  shmem_config,
  single_region,
  u64_payload,
  VHOST_USER_F_PROTOCOL_FEATURES,
  VRING_INDEX_MASK,
  VRING_NO_FD,
  vring_addr,
  vring_state,
} from './protocol.ts';
import { VhostProtocolError, VhostRefusedError } from './vhost-user-error.ts';
import type { Vring } from './vring.ts';

/** `flags` of SET_CONFIG for a write by live migration */
const CONFIG_LIVE_MIGRATION = 1;
const NOTHING = new Uint8Array(0);

type VhostAnswer = Uint8Array | undefined;
type VhostOperation = (message: VhostMessage) => VhostAnswer | Promise<VhostAnswer>;

/** What the messages act on. */
export type HandledGuest = Pick<
  GuestBackend,
  'device' | 'rings' | 'table' | 'window' | 'negotiate' | 'startRings' | 'stopRing' | 'takeBase' | 'memoryChanged' | 'reset'
>;

/** Options that change what is offered. */
export interface HandlerOptions {
  /** SHMEM under the bit that it had before it was settled (21); then the bit of today is not offered */
  readonly oldShmemBit?: boolean;
  /** STATUS: brings nothing to this device, but some front-ends want it */
  readonly status?: boolean;
}

/** The main channel of one connection. */
export class VhostHandler {
  readonly #guest: HandledGuest;
  readonly #log: Log;
  readonly #closer: GuestCloser;
  readonly #virtioOffer: bigint;
  readonly #protocolOffer: bigint;
  readonly #shmemBit: number;
  #virtio = 0n;
  #protocol = 0n;
  #status = 0n;
  #channel: BackendChannel | undefined;

  /** `closer` closes what the front-end hands over. */
  constructor(guest: HandledGuest, log: Log, o: HandlerOptions = {}, closer: GuestCloser = new GuestCloser()) {
    this.#guest = guest;
    this.#closer = closer;
    this.#log = log;
    this.#shmemBit = o.oldShmemBit === true ? ProtocolFeature.SHMEM_OLD : ProtocolFeature.SHMEM;
    this.#virtioOffer =
      RING_FEATURES | bit(VHOST_USER_F_PROTOCOL_FEATURES) | bit(VIRTIO_F_VERSION_1) | (guest.device.features & DEVICE_FEATURES);
    const { MQ, REPLY_ACK, BACKEND_REQ, CONFIG, BACKEND_SEND_FD, RESET_DEVICE, CONFIGURE_MEM_SLOTS, STATUS } = ProtocolFeature;
    const offered: number[] = [MQ, REPLY_ACK, BACKEND_REQ, CONFIG, BACKEND_SEND_FD, RESET_DEVICE, CONFIGURE_MEM_SLOTS];
    if (guest.device.sharedMemory) offered.push(this.#shmemBit);
    if (o.status === true) offered.push(STATUS);
    this.#protocolOffer = offered.reduce((sum, n) => sum | bit(n), 0n);
  }

  /** Handles one message and answers it on `connection`. Throws `VhostProtocolError` if the connection must end. */
  handle(connection: VhostConnection, message: VhostMessage): void | Promise<void> {
    if ((message.flags & ~(FLAG_VERSION_MASK | FLAG_NEED_REPLY)) !== 0) {
      const what =
        (message.flags & FLAG_REPLY) !== 0 ? 'a reply on the request channel' : `flags 0x${message.flags.toString(16)}`;
      throw new VhostProtocolError('VU-V1', `${what}, request ${message.request}`);
    }
    const rule = requestRules.get(message.request);
    if (rule === undefined) {
      this.#refuse(
        connection,
        message,
        undefined,
        new VhostRefusedError('VU-V4', `request ${message.request} is not known here`),
      );
      return;
    }
    this.#log.debug({ request: rule.name, bytes: message.payload.byteLength, fds: message.fds.length }, 'request');
    try {
      this.#check(rule, message);
      const answer = this.#operations[rule.name](message);
      if (answer instanceof Promise) {
        return answer.then(
          (bytes) => this.#answer(connection, message, rule, bytes),
          (error: unknown) => this.#refuse(connection, message, rule, error),
        );
      }
      this.#answer(connection, message, rule, answer);
    } catch (error) {
      this.#refuse(connection, message, rule, error);
    }
  }

  /** Tells the front-end that the configuration bytes have changed; before the channel is there nobody has read them. */
  configChanged(): void {
    if (this.#has('CONFIG')) void this.#channel?.request(BackendRequest.CONFIG_CHANGE_MSG, NOTHING);
  }

  /** Ends the back-end channel. */
  close(): void {
    this.#channel?.[Symbol.dispose]();
    this.#channel = undefined;
  }

  readonly #operations: Readonly<Record<RequestName, VhostOperation>> = {
    GET_FEATURES: () => number64(this.#virtioOffer),
    SET_FEATURES: (m) => this.#setFeatures(value64(m)),
    GET_PROTOCOL_FEATURES: () => number64(this.#protocolOffer),
    SET_PROTOCOL_FEATURES: (m) => this.#setProtocolFeatures(value64(m)),
    SET_OWNER: () => undefined,
    RESET_OWNER: () => undefined,
    GET_QUEUE_NUM: () => number64(BigInt(this.#guest.rings.length)),
    SET_MEM_TABLE: (m) => this.#setMemTable(m),
    GET_MAX_MEM_SLOTS: () => number64(BigInt(MAX_MEM_SLOTS)),
    ADD_MEM_REG: (m) => {
      this.#guest.table.add(region(m.payload, single_region.fields.region.offset), m.fds[0] as Fd);
      return nothing(this.#guest.memoryChanged());
    },
    REM_MEM_REG: (m) => {
      this.#guest.table.remove(region(m.payload, single_region.fields.region.offset));
      return nothing(this.#guest.memoryChanged());
    },
    SET_VRING_NUM: (m) => this.#configure(m, (ring, num) => ring.setSize(num)),
    SET_VRING_ADDR: (m) => {
      const f = vring_addr.fields;
      this.#ring(f.index.get(m.payload, 0)).setAddresses({
        descriptors: m.payload.getBigUint64(f.descriptors.offset, true),
        available: m.payload.getBigUint64(f.available.offset, true),
        used: m.payload.getBigUint64(f.used.offset, true),
      });
      return nothing(this.#guest.startRings());
    },
    SET_VRING_BASE: (m) => this.#configure(m, (ring, num) => ring.setBase(num)),
    GET_VRING_BASE: async (m) => {
      const { ring } = this.#state(m);
      const answer = new Uint8Array(vring_state.size);
      const view = new DataView(answer.buffer);
      vring_state.fields.num.set(view, 0, await this.#guest.takeBase(ring));
      vring_state.fields.index.set(view, 0, ring.index);
      return answer;
    },
    SET_VRING_KICK: (m) => this.#descriptor(m, (ring, fd) => ring.setKick(fd)),
    SET_VRING_CALL: (m) => this.#descriptor(m, (ring, fd) => ring.setCall(fd)),
    SET_VRING_ERR: (m) => this.#descriptor(m, (ring, fd) => ring.setErr(fd)),
    SET_VRING_ENABLE: (m) => this.#enable(m),
    SET_BACKEND_REQ_FD: (m) => this.#setBackendChannel(m),
    GET_CONFIG: (m) => this.#getConfig(m),
    SET_CONFIG: (m) => {
      if (config_header.fields.flags.get(m.payload, 0) === CONFIG_LIVE_MIGRATION) return undefined;
      throw new VhostRefusedError('VU-V15', 'the configuration space of this device has no writable field');
    },
    RESET_DEVICE: async () => {
      await this.#guest.reset();
      return undefined;
    },
    SET_STATUS: (m) => {
      // Not a reset, whatever it says: some front-ends set 0 for a pause.
      this.#status = value64(m);
      return undefined;
    },
    GET_STATUS: () => number64(this.#status),
    GET_SHMEM_CONFIG: () => {
      const answer = new Uint8Array(SHMEM_CONFIG_BYTES);
      const view = new DataView(answer.buffer);
      shmem_config.fields.regions.set(view, 0, 1);
      view.setBigUint64(shmem_config.size, BigInt(this.#guest.window.regionLength), true);
      return answer;
    },
  };

  /** VU-V2, VU-V3, VU-V4. */
  #check(rule: RequestRule, message: VhostMessage): void {
    const size = message.payload.byteLength;
    let expected = typeof rule.size === 'number' ? rule.size : size;
    if (rule.size === 'table') {
      const regions = size >= memory_table.size ? memory_table.fields.regions.get(message.payload, 0) : 0;
      if (regions > MAX_TABLE_REGIONS)
        throw new VhostProtocolError('VU-V2', `a memory table of ${regions} regions; at most ${MAX_TABLE_REGIONS} fit`);
      // QEMU's own table is sent with the size that its count needs, other front-ends send all eight entries.
      const full = memory_table.size + MAX_TABLE_REGIONS * memory_region.size;
      expected = size === full ? full : memory_table.size + regions * memory_region.size;
    } else if (rule.size === 'config') {
      expected = config_header.size + (size >= config_header.size ? config_header.fields.size.get(message.payload, 0) : 0);
    }
    if (size !== expected)
      throw new VhostProtocolError('VU-V2', `${rule.name} with a payload of ${size} bytes instead of ${expected}`);
    if (rule.feature !== undefined && !this.#has(rule.feature)) {
      throw new VhostRefusedError('VU-V4', `${rule.name} without the protocol feature ${rule.feature}`);
    }
    let fds = typeof rule.fds === 'number' ? rule.fds : 1;
    if (rule.fds === 'regions') fds = memory_table.fields.regions.get(message.payload, 0);
    else if (rule.fds === 'unless-flagged' && (Number(value64(message) & 0xffffffffn) & VRING_NO_FD) !== 0) fds = 0;
    if (message.fds.length < fds)
      throw new VhostRefusedError('VU-V3', `${rule.name} with ${message.fds.length} descriptors instead of ${fds}`);
    const surplus = message.surplusFds + message.fds.length - fds;
    if (surplus === 0) return;
    for (const fd of message.fds.splice(fds)) fd.close();
    this.#log.debug({ request: rule.name, surplus }, 'VU-V3: descriptors that do not belong to the message were closed');
  }

  #answer(connection: VhostConnection, message: VhostMessage, rule: RequestRule, bytes: VhostAnswer): void {
    if (!connection.open) return;
    if (rule.replies === true) connection.send(message.request, FLAG_REPLY, bytes ?? NOTHING);
    else if (this.#wantsAck(message)) connection.send(message.request, FLAG_REPLY, number64(0n));
  }

  #refuse(connection: VhostConnection, message: VhostMessage, rule: RequestRule | undefined, error: unknown): void {
    if (!(error instanceof VhostRefusedError)) throw error;
    // Without the answer that it waits for, a front-end could only hang.
    if (rule?.replies === true) throw new VhostProtocolError(error.check, error.message);
    this.#log.warn({ request: rule?.name ?? message.request, check: error.check }, error.message);
    if (this.#wantsAck(message) && connection.open) connection.send(message.request, FLAG_REPLY, number64(1n));
  }

  #wantsAck(message: VhostMessage): boolean {
    return (message.flags & FLAG_NEED_REPLY) !== 0 && this.#has('REPLY_ACK');
  }

  #has(feature: ProtocolFeatureName): boolean {
    return (this.#protocol & bit(feature === 'SHMEM' ? this.#shmemBit : ProtocolFeature[feature])) !== 0n;
  }

  #setFeatures(features: bigint): undefined | Promise<undefined> {
    const foreign = features & ~this.#virtioOffer;
    if (foreign !== 0n) throw new VhostRefusedError('VU-V4', `features 0x${foreign.toString(16)} were not offered`);
    if (features !== this.#virtio && !this.#guest.negotiate(ringFeatures(features), features & DEVICE_FEATURES)) {
      throw new VhostRefusedError('VU-V4', 'features cannot change while a ring runs');
    }
    this.#virtio = features;
    if ((features & bit(VHOST_USER_F_PROTOCOL_FEATURES)) === 0n) for (const each of this.#guest.rings) each.enable(true);
    return nothing(this.#guest.startRings());
  }

  #setProtocolFeatures(features: bigint): undefined {
    const foreign = features & ~this.#protocolOffer;
    if (foreign !== 0n) throw new VhostRefusedError('VU-V4', `protocol features 0x${foreign.toString(16)} were not offered`);
    this.#protocol = features;
    // Without acknowledgements nobody knows whether a mapping exists.
    const shared = (['SHMEM', 'REPLY_ACK', 'BACKEND_REQ', 'BACKEND_SEND_FD'] as const).every((name) => this.#has(name));
    this.#guest.window.negotiated(shared);
    return undefined;
  }

  #setMemTable(message: VhostMessage): undefined | Promise<undefined> {
    const count = memory_table.fields.regions.get(message.payload, 0);
    const regions = Array.from({ length: count }, (_, i) => region(message.payload, memory_table.size + i * memory_region.size));
    this.#guest.table.replace(regions, message.fds);
    return nothing(this.#guest.memoryChanged());
  }

  #setBackendChannel(message: VhostMessage): undefined {
    const kind = descriptorKind(message.fds[0] as Fd);
    if (kind !== 'socket') {
      const name = typeof kind === 'object' ? kind.other : kind;
      throw new VhostRefusedError('VU-V3', `the back-end channel is a socket, not ${name}: send one end of a socket pair`);
    }
    const fd = message.fds.shift() as Fd;
    this.close();
    try {
      const channel = new BackendChannel(fd, this.#closer, (error) => {
        const what = 'the back-end channel has ended: nothing can be mapped into the guest any more';
        // A front-end that goes closes both channels, in any order.
        if (error === undefined) this.#log.debug({}, what);
        else this.#log.warn({ err: error }, what);
        if (this.#channel === channel) this.#channel = undefined;
        this.#guest.window.connect(undefined);
      });
      this.#channel = channel;
    } catch (error) {
      fd.close();
      throw new VhostRefusedError('VU-V3', `the descriptor of the back-end channel cannot be used: ${String(error)}`);
    }
    this.#guest.window.connect(this.#channel);
    return undefined;
  }

  /** VU-V15: what is not inside the configuration space is answered with an empty payload. */
  #getConfig(message: VhostMessage): Uint8Array {
    const f = config_header.fields;
    const offset = f.offset.get(message.payload, 0);
    const size = f.size.get(message.payload, 0);
    const config = this.#guest.device.config();
    if (size === 0 || offset + size > config.length) return NOTHING;
    const answer = new Uint8Array(config_header.size + size);
    const view = new DataView(answer.buffer);
    f.offset.set(view, 0, offset);
    f.size.set(view, 0, size);
    f.flags.set(view, 0, f.flags.get(message.payload, 0));
    answer.set(config.subarray(offset, offset + size), config_header.size);
    return answer;
  }

  async #enable(message: VhostMessage): Promise<undefined> {
    const { ring, num } = this.#state(message);
    if (num > 1) throw new VhostRefusedError('VU-V6', `ring ${ring.index}: enable is 0 or 1, not ${num}`);
    ring.enable(num === 1);
    if (num === 1) await this.#guest.startRings();
    else await this.#guest.stopRing(ring);
    return undefined;
  }

  #configure(message: VhostMessage, set: (ring: Vring, num: number) => void): undefined | Promise<undefined> {
    const { ring, num } = this.#state(message);
    set(ring, num);
    return nothing(this.#guest.startRings());
  }

  #descriptor(message: VhostMessage, set: (ring: Vring, fd: Fd | undefined) => void): undefined | Promise<undefined> {
    const ring = this.#ring(Number(value64(message) & BigInt(VRING_INDEX_MASK)));
    const [fd] = message.fds;
    const kind = fd === undefined ? 'eventfd' : descriptorKind(fd);
    // Ringing a file of a FUSE server could wait for ever, and everybody with it.
    if (typeof kind === 'object') {
      throw new VhostRefusedError('VU-V3', `ring ${ring.index}: a doorbell is an eventfd, a pipe or a socket, not ${kind.other}`);
    }
    try {
      set(ring, message.fds.shift());
    } catch (error) {
      if (!(error instanceof SysError)) throw error;
      throw new VhostRefusedError('VU-V3', `ring ${ring.index}: the descriptor is of no use here: ${error.message}`);
    }
    return nothing(this.#guest.startRings());
  }

  #state(message: VhostMessage): { ring: Vring; num: number } {
    const ring = this.#ring(vring_state.fields.index.get(message.payload, 0));
    return { ring, num: vring_state.fields.num.get(message.payload, 0) };
  }

  /** VU-V6. */
  #ring(index: number): Vring {
    const ring = this.#guest.rings[index];
    if (ring === undefined)
      throw new VhostRefusedError('VU-V6', `there is no ring ${index}: the device has ${this.#guest.rings.length}`);
    return ring;
  }
}

/** The answer without content, now or later. */
function nothing(work: void | Promise<void>): undefined | Promise<undefined> {
  return work instanceof Promise ? work.then(() => undefined) : undefined;
}

function value64(message: VhostMessage): bigint {
  return u64_payload.fields.value.get(message.payload, 0);
}

function region(view: DataView, base: number): RegionDescription {
  const f = memory_region.fields;
  return {
    guestAddress: f.guest_addr.get(view, base),
    size: f.size.get(view, base),
    userAddress: f.user_addr.get(view, base),
    mmapOffset: f.mmap_offset.get(view, base),
  };
}
