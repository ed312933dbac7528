// SPDX-License-Identifier: Apache-2.0
/** A front-end without manners: messages of any bytes on a bare socket. */
import { expect } from 'vitest';
import { connectUnix, type Fd, receive, send } from '../src/sys/index.ts';
import { message_header, ProtocolFeature, Request } from '../src/transport/vhost-user/index.ts';
import { PATIENCE, until, type VhostRig } from './vhost-user-rig.ts';

/** A socket and nothing else. */
export class Bare implements Disposable {
  readonly fd: Fd;

  constructor(path: string) {
    this.fd = connectUnix(path);
  }

  /** Sends a message; `o` replaces parts of a correct header. */
  message(request: number, payload: Uint8Array, o: { flags?: number; size?: number; fds?: Fd[] } = {}): void {
    const bytes = new Uint8Array(12 + payload.length);
    const view = new DataView(bytes.buffer);
    message_header.fields.request.set(view, 0, request);
    message_header.fields.flags.set(view, 0, o.flags ?? 1);
    message_header.fields.size.set(view, 0, o.size ?? payload.length);
    bytes.set(payload, 12);
    send(this.fd, bytes, o.fds);
  }

  /** The next bytes, or 'closed'; waits for them. */
  async receive(): Promise<DataView | 'closed'> {
    const into = new Uint8Array(4096);
    const end = performance.now() + PATIENCE;
    while (performance.now() < end) {
      const got = receive(this.fd, into, 8);
      if (got === 'closed') return got;
      if (got !== 'again') return new DataView(into.buffer, 0, got.bytes);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    throw new RangeError('no answer');
  }

  /** Sends with need_reply; 0 is success. */
  async ack(request: number, payload: Uint8Array, fds: Fd[] = []): Promise<number | 'closed'> {
    this.message(request, payload, { flags: 9, fds });
    const got = await this.receive();
    if (got === 'closed') return got;
    expect([got.byteLength, got.getUint32(0, true), got.getUint32(4, true)]).toEqual([20, request, 5]);
    return got.getUint32(12, true);
  }

  /** Agrees on protocol features, all that a back-end offers unless told otherwise. */
  async negotiate(without: (keyof typeof ProtocolFeature)[] = []): Promise<void> {
    this.message(Request.GET_PROTOCOL_FEATURES, new Uint8Array(0));
    const got = await this.receive();
    if (got === 'closed') throw new RangeError('closed');
    let features = got.getBigUint64(12, true);
    for (const name of without) features &= ~(1n << BigInt(ProtocolFeature[name]));
    this.message(Request.SET_PROTOCOL_FEATURES, u64(features));
  }

  [Symbol.dispose](): void {
    this.fd.close();
  }
}

/** An empty payload. */
export const NONE = new Uint8Array(0);

/** Little-endian 64-bit numbers. */
export function u64(...values: (bigint | number)[]): Uint8Array {
  const view = new DataView(new ArrayBuffer(8 * values.length));
  for (const [i, value] of values.entries()) view.setBigUint64(8 * i, BigInt(value), true);
  return new Uint8Array(view.buffer);
}

/** Little-endian 32-bit numbers. */
export function u32(...values: number[]): Uint8Array {
  const view = new DataView(new ArrayBuffer(4 * values.length));
  for (const [i, value] of values.entries()) view.setUint32(4 * i, value, true);
  return new Uint8Array(view.buffer);
}

/** One region as ADD_MEM_REG has it. */
export const region = (guest: bigint | number, size: bigint | number, user: bigint | number, offset: bigint | number) =>
  u64(0, guest, size, user, offset);

/** The server is as it was: a new front-end gets a working device. */
export async function stillServes(rig: VhostRig): Promise<void> {
  await until(() => rig.server.free, 'the connection to end');
  const { frontend, driver } = await rig.attach();
  expect((await driver.open()).state).toBe('open');
  await frontend.close();
  await until(() => rig.server.free, 'the connection to end');
}
