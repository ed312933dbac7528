// SPDX-License-Identifier: Apache-2.0
/** For tests: a codec host on an arena of its own, with guest memory that is an array. */
import type { BufferAccess, BufferMemory, PlaneStorage } from '@paravideo/core';
import { Arena } from '../../memory/index.ts';
import { viewAt } from '../../sys/index.ts';
import { CodecHost, type CodecHostOptions } from '../index.ts';

export interface CodecRig extends AsyncDisposable {
  readonly arena: Arena;
  readonly host: CodecHost;
  /** guest RAM, from address 0 */
  readonly ram: Uint8Array;
  readonly log: { readonly level: string; readonly message: string; readonly fields: object }[];
  /** The bytes of a memory plane, copied. */
  bytes(memory: BufferMemory): Uint8Array;
}

export function makeRig(o: Partial<CodecHostOptions> & { arenaBytes?: number; ramBytes?: number } = {}): CodecRig {
  const arena = Arena.create('codec-test', o.arenaBytes ?? 512 * 2 ** 20);
  const ram = new Uint8Array(o.ramBytes ?? 0);
  const log: CodecRig['log'] = [];
  const at = (level: string) => (fields: object, message: string) => void log.push({ level, message, fields });
  const all = arena.mapping.bytes();
  const access: BufferAccess = {
    open: true,
    load: async (from, offset, to) => {
      await Promise.resolve();
      const bytes = gather(from);
      if (bytes === undefined || to.kind !== 'arena') return false;
      all.set(bytes.subarray(offset, offset + to.length), to.offset);
      return true;
    },
    store: async (from, to) => {
      await Promise.resolve();
      return to.every((plane, i) => scatter(from[i] as PlaneStorage, plane));
    },
    // A codec process reads coded data where it lies.
    fetch: async () => false,
  };
  const gather = (memory: BufferMemory): Uint8Array | undefined => {
    if (memory.kind === 'arena') return all.slice(memory.offset, memory.offset + memory.length);
    if (memory.ranges.some(({ address, length }) => address + length > ram.length)) return undefined;
    return Buffer.concat(memory.ranges.map(({ address, length }) => ram.subarray(address, address + length)));
  };
  const scatter = (from: PlaneStorage, to: BufferMemory): boolean => {
    const bytes = from.kind === 'bytes' ? from.bytes : viewAt(from.address, from.length);
    if (to.kind === 'arena') {
      all.set(bytes, to.offset);
      return true;
    }
    let done = 0;
    for (const { address, length } of to.ranges) {
      if (address + length > ram.length) return false;
      ram.set(bytes.subarray(done, done + length), address);
      done += length;
    }
    return true;
  };
  const host = CodecHost.start({
    arena,
    access,
    buffers: arena,
    log: { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') },
    ...o,
  });
  return {
    arena,
    host,
    ram,
    log,
    bytes: (memory) => gather(memory) ?? new Uint8Array(0),
    [Symbol.asyncDispose]: async () => {
      await host.close();
      arena[Symbol.dispose]();
    },
  };
}
