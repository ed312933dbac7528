// SPDX-License-Identifier: Apache-2.0
/**
 * What each command does: checks it, carries it out, answers it; and only then looks at the rings whose doorbells it rang, for
 * a client that waits too long for an answer gives the device up. A command that cannot be granted is answered with an
 * errno; a message that makes no sense ends the connection, and only that.
 */
import { constants } from 'node:os';
import { MSIX_BAR, PCI_CONFIG_BYTES, type PciFunction, SHARED_BAR } from '@paravideo/core';
import type { Log } from '../../log/index.ts';
import type { Fd } from '../../sys/index.ts';
import type { VfioConnection, VfioMessage } from './connection.ts';
import type { PciGuest } from './pci-guest.ts';
import {
  CONFIG_REGION,
  type CommandName,
  type CommandRule,
  commandRules,
  DEVICE_FLAG_PCI,
  DEVICE_FLAG_RESET,
  device_info,
  dma_map,
  dma_unmap,
  FLAG_ERROR,
  FLAG_NO_REPLY,
  FLAG_TYPE_MASK,
  IRQ_FLAG_EVENTFD,
  IRQ_SET,
  irq_info,
  irq_set,
  MAX_MESSAGE_FDS,
  MAX_MULTI_WRITES,
  MAX_TRANSFER,
  MSIX_IRQ,
  NUM_IRQS,
  NUM_REGIONS,
  PROTOCOL_MAJOR,
  PROTOCOL_MINOR,
  REGION_FLAG,
  region_access,
  region_info,
  TYPE_COMMAND,
  TYPE_REPLY,
  UNMAP_FLAG,
  version,
  write_entry,
  write_multi,
} from './protocol.ts';
import { VfioProtocolError, VfioRefusedError } from './vfio-user-error.ts';

const { EINVAL, EMFILE, EOPNOTSUPP } = constants.errno;
const NOTHING = new Uint8Array(0);

interface VfioAnswer {
  readonly payload: Uint8Array;
  /** borrowed */
  readonly fds?: readonly Fd[];
}
type VfioOperation = (message: VfioMessage) => VfioAnswer | Promise<VfioAnswer>;

const DONE: VfioAnswer = { payload: NOTHING };

/** What the messages act on. */
export type HandledFunction = Pick<PciGuest, 'arena' | 'dma' | 'interrupts' | 'pci' | 'settled'> & {
  readonly function: Pick<PciFunction, 'left' | 'memoryChanged' | 'ring' | 'work'>;
};

/** The messages of one connection. */
export class VfioHandler {
  readonly #guest: HandledFunction;
  readonly #log: Log;
  #state: 'greeting' | 'serving' = 'greeting';

  constructor(guest: HandledFunction, log: Log) {
    this.#guest = guest;
    this.#log = log;
  }

  /** Handles one message and answers it on `connection`. Throws `VfioProtocolError` if the connection must end. */
  handle(connection: VfioConnection, message: VfioMessage): void | Promise<void> {
    if ((message.flags & FLAG_TYPE_MASK) !== TYPE_COMMAND || (message.flags & ~(FLAG_TYPE_MASK | FLAG_NO_REPLY)) !== 0) {
      throw new VfioProtocolError(`a message with flags 0x${message.flags.toString(16)} where commands are expected`);
    }
    const rule = commandRules.get(message.command);
    if ((this.#state === 'greeting') !== (rule?.name === 'VERSION')) {
      throw new VfioProtocolError(
        `command ${message.command} ${this.#state === 'greeting' ? 'before' : 'after'} the version was agreed on`,
      );
    }
    if (rule === undefined) {
      return this.#refuse(connection, message, new VfioRefusedError(EOPNOTSUPP, `command ${message.command} is not known here`));
    }
    this.#checkSize(rule, message);
    if (message.surplusFds > 0) return this.#refuse(connection, message, lost(rule.name));
    this.#log.debug({ command: rule.name, bytes: message.payload.byteLength, fds: message.fds.length }, 'command');
    let answer: VfioAnswer | Promise<VfioAnswer>;
    try {
      answer = this.#operations[rule.name](message);
    } catch (error) {
      return this.#refuse(connection, message, error);
    }
    if (answer instanceof Promise) return answer.then((late) => this.#answer(connection, message, late));
    this.#answer(connection, message, answer);
  }

  readonly #operations: Readonly<Record<CommandName, VfioOperation>> = {
    VERSION: (m) => this.#version(m),
    DMA_MAP: (m) => {
      const f = dma_map.fields;
      const piece = {
        address: f.address.get(m.payload, 0),
        size: f.size.get(m.payload, 0),
        offset: f.offset.get(m.payload, 0),
        flags: f.flags.get(m.payload, 0),
      };
      if (this.#guest.dma.map(piece, m.fds[0])) this.#guest.function.memoryChanged();
      return DONE;
    },
    DMA_UNMAP: (m) => {
      const f = dma_unmap.fields;
      const flags = f.flags.get(m.payload, 0);
      if (flags !== 0 && flags !== UNMAP_FLAG.ALL) {
        throw new VfioRefusedError(EINVAL, `unmapping with flags ${flags}: dirty pages are not tracked here`);
      }
      const { dma } = this.#guest;
      const gone = flags === UNMAP_FLAG.ALL ? dma.unmapAll() : dma.unmap(f.address.get(m.payload, 0), f.size.get(m.payload, 0));
      if (gone) this.#guest.function.memoryChanged();
      return after(this.#guest.settled(), { payload: new Uint8Array(m.payload.buffer, 0, dma_unmap.size) });
    },
    DEVICE_GET_INFO: (m) => {
      const f = device_info.fields;
      return reply(device_info.size, f.argsz.get(m.payload, 0), (view) => {
        f.flags.set(view, 0, DEVICE_FLAG_PCI | DEVICE_FLAG_RESET);
        f.num_regions.set(view, 0, NUM_REGIONS);
        f.num_irqs.set(view, 0, NUM_IRQS);
      });
    },
    DEVICE_GET_REGION_INFO: (m) => this.#regionInfo(m),
    DEVICE_GET_IRQ_INFO: (m) => {
      const f = irq_info.fields;
      const index = f.index.get(m.payload, 0);
      if (index > MSIX_IRQ) throw new VfioRefusedError(EINVAL, `interrupts of index ${index} are not offered`);
      return reply(irq_info.size, f.argsz.get(m.payload, 0), (view) => {
        f.flags.set(view, 0, IRQ_FLAG_EVENTFD);
        f.index.set(view, 0, index);
        f.count.set(view, 0, index === MSIX_IRQ ? this.#guest.interrupts.count : 0);
      });
    },
    DEVICE_SET_IRQS: (m) => this.#setIrqs(m),
    REGION_READ: (m) => {
      const { offset, region, count } = this.#access(m);
      const payload = new Uint8Array(region_access.size + count);
      payload.set(new Uint8Array(m.payload.buffer, 0, region_access.size));
      this.#read(region, offset, payload.subarray(region_access.size));
      return { payload };
    },
    REGION_WRITE: (m) => {
      const { offset, region, count } = this.#access(m);
      if (m.payload.byteLength !== region_access.size + count) {
        throw new VfioProtocolError(`a write of ${count} bytes in a payload of ${m.payload.byteLength}`);
      }
      this.#write(region, offset, new Uint8Array(m.payload.buffer, region_access.size));
      const answer = { payload: new Uint8Array(m.payload.buffer, 0, region_access.size) };
      return after(this.#guest.function.left, answer);
    },
    REGION_WRITE_MULTI: (m) => this.#writeMulti(m),
    DEVICE_RESET: () => {
      // Answered when guest memory is not touched any more, which takes less than a client waits.
      return this.#guest.pci.reset().then(() => DONE);
    },
  };

  #checkSize({ name, size, grows }: CommandRule, message: VfioMessage): void {
    const got = message.payload.byteLength;
    if (got < size || (grows !== true && got > size)) throw new VfioProtocolError(`${name} with ${got} bytes instead of ${size}`);
  }

  #answer(connection: VfioConnection, message: VfioMessage, answer: VfioAnswer): void {
    if (!connection.open) return;
    if ((message.flags & FLAG_NO_REPLY) === 0) {
      connection.send({ id: message.id, command: message.command, flags: TYPE_REPLY }, answer.payload, answer.fds);
    }
    this.#guest.function.work();
  }

  #refuse(connection: VfioConnection, message: VfioMessage, error: unknown): void {
    if (!(error instanceof VfioRefusedError)) throw error;
    const name = commandRules.get(message.command)?.name;
    // Clients ask for interrupts that few devices have, to see whether they are there.
    const level = name === 'DEVICE_GET_IRQ_INFO' ? 'debug' : 'warn';
    this.#log[level]({ command: name ?? message.command, errno: error.errno }, error.message);
    if ((message.flags & FLAG_NO_REPLY) !== 0 || !connection.open) return;
    const flags = TYPE_REPLY | FLAG_ERROR;
    connection.send({ id: message.id, command: message.command, flags, error: error.errno }, NOTHING);
  }

  #version({ payload }: VfioMessage): VfioAnswer {
    const major = version.fields.major.get(payload, 0);
    if (major !== PROTOCOL_MAJOR)
      throw new VfioProtocolError(`version ${major} of the protocol; ${PROTOCOL_MAJOR} is spoken here`);
    const text = new Uint8Array(payload.buffer, version.size);
    if (text.length > 0) parseCapabilities(text);
    this.#state = 'serving';
    const capabilities = { max_msg_fds: MAX_MESSAGE_FDS, max_data_xfer_size: MAX_TRANSFER, write_multiple: true };
    const json = new TextEncoder().encode(`${JSON.stringify({ capabilities })}\0`);
    const answer = new Uint8Array(version.size + json.length);
    const view = new DataView(answer.buffer);
    version.fields.major.set(view, 0, PROTOCOL_MAJOR);
    version.fields.minor.set(view, 0, PROTOCOL_MINOR);
    answer.set(json, version.size);
    return { payload: answer };
  }

  #regionInfo({ payload }: VfioMessage): VfioAnswer {
    const f = region_info.fields;
    const index = f.index.get(payload, 0);
    if (index >= NUM_REGIONS) throw new VfioRefusedError(EINVAL, `there is no region ${index}`);
    const bar = this.#guest.pci.bars.find((one) => one.index === index);
    const size = index === CONFIG_REGION ? PCI_CONFIG_BYTES : (bar?.size ?? 0);
    const shared = bar?.index === SHARED_BAR;
    const answer = reply(region_info.size, f.argsz.get(payload, 0), (view) => {
      f.index.set(view, 0, index);
      f.size.set(view, 0, size);
      if (size > 0) f.flags.set(view, 0, REGION_FLAG.READ | REGION_FLAG.WRITE | (shared ? REGION_FLAG.MMAP : 0));
    });
    return shared ? { ...answer, fds: [this.#guest.arena.fd] } : answer;
  }

  #setIrqs({ payload, fds }: VfioMessage): VfioAnswer {
    const f = irq_set.fields;
    const index = f.index.get(payload, 0);
    const count = f.count.get(payload, 0);
    const flags = f.flags.get(payload, 0);
    if (index === MSIX_IRQ) {
      const data = new Uint8Array(payload.buffer, irq_set.size);
      this.#guest.interrupts.change({ flags, start: f.start.get(payload, 0), count, data }, fds);
    } else if (index > MSIX_IRQ || count !== 0 || (flags & IRQ_SET.DATA_NONE) === 0) {
      throw new VfioRefusedError(EINVAL, `the device has no interrupts of index ${index}: use MSI-X`);
    }
    return DONE;
  }

  #access({ payload }: VfioMessage): { offset: number; region: number; count: number } {
    const f = region_access.fields;
    const count = f.count.get(payload, 0);
    if (count === 0 || count > MAX_TRANSFER)
      throw new VfioRefusedError(EINVAL, `an access of ${count} bytes; 1 to ${MAX_TRANSFER} are taken`);
    return { offset: f.offset.get(payload, 0), region: f.region.get(payload, 0), count };
  }

  #writeMulti({ payload }: VfioMessage): VfioAnswer | Promise<VfioAnswer> {
    const count = write_multi.fields.count.get(payload, 0);
    if (count > MAX_MULTI_WRITES || payload.byteLength !== write_multi.size + count * write_entry.size) {
      throw new VfioProtocolError(`${count} writes in a payload of ${payload.byteLength} bytes`);
    }
    const f = write_entry.fields;
    for (let at = write_multi.size; at < payload.byteLength; at += write_entry.size) {
      const length = f.count.get(payload, at);
      if (length > f.data.size) throw new VfioProtocolError(`a write of ${length} bytes where ${f.data.size} fit`);
      this.#write(f.region.get(payload, at), f.offset.get(payload, at), f.data.get(payload, at).subarray(0, length));
    }
    return after(this.#guest.function.left, DONE);
  }

  #read(region: number, offset: number, into: Uint8Array): void {
    if (region === CONFIG_REGION && offset + into.length <= PCI_CONFIG_BYTES) this.#guest.pci.readConfig(offset, into);
    else if (region === CONFIG_REGION || !this.#guest.pci.readBar(region, offset, into))
      throw outside(region, offset, into.length);
  }

  #write(region: number, offset: number, from: Uint8Array): void {
    const { pci } = this.#guest;
    let rung: readonly number[] | undefined;
    if (region !== CONFIG_REGION) rung = pci.writeBar(region, offset, from);
    else if (offset + from.length <= PCI_CONFIG_BYTES) rung = pci.writeConfig(offset, from);
    if (rung === undefined) throw outside(region, offset, from.length);
    this.#guest.function.ring(rung);
    if (region === MSIX_BAR) this.#log.debug({ offset }, 'a client that leaves the MSI-X table to us');
  }
}

function outside(region: number, offset: number, length: number): VfioRefusedError {
  return new VfioRefusedError(EINVAL, `an access of ${length} bytes at ${offset} outside region ${region}`);
}

/** The answer to a command of whose descriptors some are gone: without them it would mean something else. */
function lost(command: CommandName): VfioRefusedError {
  const what = `descriptors of ${command} were lost: more than ${MAX_MESSAGE_FDS} came, or this process may have no more`;
  return new VfioRefusedError(EMFILE, `${what} (raise LimitNOFILE or ulimit -n)`);
}

/** An answer that has to wait until guest memory is let go of. */
function after(settled: Promise<void> | undefined, answer: VfioAnswer): VfioAnswer | Promise<VfioAnswer> {
  return settled?.then(() => answer) ?? answer;
}

/** An answer that is a struct which begins with `argsz`. */
function reply(size: number, argsz: number, fill: (view: DataView) => void): VfioAnswer {
  if (argsz < size) throw new VfioRefusedError(EINVAL, `room for ${argsz} bytes of ${size}`);
  const payload = new Uint8Array(size);
  const view = new DataView(payload.buffer);
  view.setUint32(0, size, true);
  fill(view);
  return { payload };
}

/** The client's JSON is checked and not used: nothing that it can say changes what is done here. */
function parseCapabilities(text: Uint8Array): void {
  const end = text.indexOf(0);
  if (end < 0) throw new VfioProtocolError('the capabilities do not end with NUL');
  let parsed: unknown;
  try {
    parsed = JSON.parse(new TextDecoder().decode(text.subarray(0, end)));
  } catch {
    throw new VfioProtocolError('the capabilities are no JSON');
  }
  if (typeof parsed !== 'object' || parsed === null) throw new VfioProtocolError('the capabilities are no JSON object');
}
