// SPDX-License-Identifier: Apache-2.0
/**
 * Makes a liar of a daemon: loaded into it (`node --import`), it spoils some of what the device writes into its queues, and the lengths
 * that it claims to have written, from SIGUSR1 on, which the daemon itself ignores. `PARAVIDEO_MUTATE`: a seed. The frames themselves are left alone: they may be
 * anything anyway.
 */
import { type Chain, DeviceQueue } from '@paravideo/core';

/** One in so many writes is spoiled, and one in so many lengths. */
const WRITES = 25;
const LENGTHS = 200;

/** What a careless driver would add, multiply or index with. */
const NUMBERS = [0, 1, 2, 31, 32, 255, 0x7fff_ffff, 0x8000_0000, 0xffff_fff0, 0xffff_ffff];

let state = Number(process.env.PARAVIDEO_MUTATE) | 1;
let lying = false;
process.on('SIGUSR1', () => {
  lying = true;
});

/** A whole number from 0 to `below` - 1 (xorshift32). */
function random(below: number): number {
  state ^= state << 13;
  state ^= state >>> 17;
  state ^= state << 5;
  return (state >>> 0) % below;
}

function spoil(bytes: Uint8Array): Uint8Array {
  const copy = Uint8Array.from(bytes);
  if (copy.length < 4 || random(4) === 0) {
    if (copy.length > 0) copy[random(copy.length)] = random(256);
    return copy;
  }
  // the header with the status or the event's type, as often as all that follows
  const words = copy.length >> 2;
  const word = random(2) === 0 ? random(Math.min(words, 4)) : random(words);
  new DataView(copy.buffer).setUint32(4 * word, NUMBERS[random(NUMBERS.length)] ?? 0, true);
  return copy;
}

const { pop, push } = DeviceQueue.prototype;

DeviceQueue.prototype.pop = function () {
  const chain = pop.call(this);
  if (chain === undefined) return undefined;
  const write = chain.write.bind(chain);
  return Object.assign(chain, {
    write: (offset: number, from: Uint8Array) => write(offset, lying && random(WRITES) === 0 ? spoil(from) : from),
  });
};

DeviceQueue.prototype.push = function (chain: Chain, written: number) {
  push.call(this, chain, lying && random(LENGTHS) === 0 ? random(written + 64) : written);
};
