// SPDX-License-Identifier: Apache-2.0
/**
 * Faults in memory that others can take away. Touching a page that a file has no more (somebody shrank it), or that the system cannot
 * give (no huge page left), is SIGBUS, which ends a process. Ranges that are guarded here get zeros instead, in whichever
 * thread the fault happens, and their owner is told. Every other fault goes to whoever handled it before.
 *
 * The table that the handler reads, words of 8 bytes:
 *
 *     0 entries in use   1 eventfd   2 the number 1   3 earlier handler   4-7 zeros: "default action"   6 page size
 *     8.. entries of 4: start, end (0: free), faults, -
 */
import { drain, eventfd } from './eventfd.ts';
import { FAULT_CODE } from './fault-code.ts';
import type { Fd } from './fd.ts';
import { check, foreignView, libc, PAGE_SIZE, pinnedAddress } from './libc.ts';
import { watch } from './watch.ts';

/** Ranges at one time; more are not guarded. */
const MAX_RANGES = 65536;
const HEADER_WORDS = 8;
const ENTRY_WORDS = 4;
const TABLE_BYTES = 8 * (HEADER_WORDS + ENTRY_WORDS * MAX_RANGES);

const PROT_READ = 1;
const PROT_WRITE = 2;
const PROT_EXEC = 4;
const MAP_PRIVATE_ANONYMOUS = 0x22;
const MAP_NORESERVE = 0x4000;
const SIGBUS = 7;
const SA_SIGINFO = 4;
const SA_ONSTACK = 0x0800_0000;
const SA_RESTART = 0x1000_0000;
// struct sigaction of glibc and musl: handler 8, mask 128, flags 4, padding 4, restorer 8
const SIGACTION_BYTES = 152;
const SIGACTION_FLAGS = 136;

class FaultGuard {
  readonly #table: BigInt64Array;
  readonly #bell: Fd;
  readonly #owners = new Map<number, () => void>();
  readonly #free: number[] = [];
  #used = 0;
  #watching: Disposable | undefined;

  constructor(code: string) {
    const table = map(TABLE_BYTES);
    const bytes = Buffer.from(code, 'hex');
    bytes.writeBigUInt64LE(BigInt(table), bytes.length - 8);
    const at = map(PAGE_SIZE);
    new Uint8Array(foreignView(at, PAGE_SIZE)).set(bytes);
    check(libc.mprotect(at, PAGE_SIZE, PROT_READ | PROT_EXEC), 'mprotect');
    this.#table = new BigInt64Array(foreignView(table, TABLE_BYTES));
    this.#bell = eventfd();
    this.#table[1] = BigInt(this.#bell.number);
    this.#table[2] = 1n;
    this.#table[6] = BigInt(PAGE_SIZE);
    const action = new DataView(new ArrayBuffer(2 * SIGACTION_BYTES));
    const actionAt = pinnedAddress(action.buffer);
    check(libc.sigaction(SIGBUS, 0, actionAt + SIGACTION_BYTES), 'sigaction');
    this.#table[3] = action.getBigInt64(SIGACTION_BYTES, true);
    action.setBigUint64(0, BigInt(at), true);
    action.setUint32(SIGACTION_FLAGS, SA_SIGINFO | SA_ONSTACK | SA_RESTART, true);
    check(libc.sigaction(SIGBUS, actionAt, 0), 'sigaction');
  }

  add(start: number, end: number, onFault: () => void): Disposable | undefined {
    const index = this.#free.pop() ?? (this.#used < MAX_RANGES ? this.#used++ : undefined);
    if (index === undefined) return undefined;
    const at = HEADER_WORDS + ENTRY_WORDS * index;
    // The end is written last, so that a fault in another thread meets no entry that is half written.
    Atomics.store(this.#table, at + 2, 0n);
    Atomics.store(this.#table, at, BigInt(start));
    Atomics.store(this.#table, at + 1, BigInt(end));
    Atomics.store(this.#table, 0, BigInt(this.#used));
    this.#owners.set(index, onFault);
    this.#watching ??= watch(this.#bell, () => this.#rung());
    return {
      [Symbol.dispose]: () => {
        if (!this.#owners.delete(index)) return;
        Atomics.store(this.#table, at + 1, 0n);
        Atomics.store(this.#table, at, 0n);
        this.#free.push(index);
        if (this.#owners.size > 0) return;
        this.#watching?.[Symbol.dispose]();
        this.#watching = undefined;
      },
    };
  }

  #rung(): void {
    drain(this.#bell);
    for (const [index, onFault] of [...this.#owners]) {
      if (Atomics.exchange(this.#table, HEADER_WORDS + ENTRY_WORDS * index + 2, 0n) !== 0n) onFault();
    }
  }
}

function map(bytes: number): number {
  return check(libc.mmap(0, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE_ANONYMOUS | MAP_NORESERVE, -1, 0), 'mmap');
}

let guard: FaultGuard | { readonly missing: string } | undefined;

function theGuard(): FaultGuard | { readonly missing: string } {
  if (guard !== undefined) return guard;
  const code = FAULT_CODE[process.arch];
  try {
    guard = code === undefined ? { missing: `there is no handler for ${process.arch}` } : new FaultGuard(code);
  } catch (error) {
    // Executable memory may be forbidden.
    guard = { missing: error instanceof Error ? error.message : String(error) };
  }
  return guard;
}

/** Why faults in memory of others cannot be survived in this process; undefined if they can. */
export function faultGuardMissing(): string | undefined {
  const state = theGuard();
  return state instanceof FaultGuard ? undefined : state.missing;
}

/**
 * From now on a fault between two addresses, whole pages, puts zeros there and calls `onFault` on the event loop of this thread.
 * Dispose before the range is unmapped. Undefined where there is no guard, or no room for another range.
 */
export function guardRange(start: number, end: number, onFault: () => void): Disposable | undefined {
  const state = theGuard();
  return state instanceof FaultGuard ? state.add(start, end, onFault) : undefined;
}
