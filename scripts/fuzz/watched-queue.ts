// SPDX-License-Identifier: Apache-2.0
import { type Chain, DeviceQueue } from '@paravideo/core';
import { FuzzError } from './fuzz-error.ts';

/** A device queue that counts what its user does with the chains: each must come back once, with a length that is its own. */
export class WatchedQueue extends DeviceQueue {
  readonly #out = new Set<Chain>();
  taken = 0;
  returned = 0;

  /** chains taken and not returned */
  get held(): number {
    return this.#out.size;
  }

  override pop(): Chain | undefined {
    const chain = super.pop();
    if (chain !== undefined) {
      this.#out.add(chain);
      this.taken++;
    }
    return chain;
  }

  override push(chain: Chain, written: number): void {
    if (chain.state === 'void') return;
    if (!this.#out.delete(chain)) throw new FuzzError(`chain ${chain.head} was returned twice`);
    if (!(written >= 0 && written <= chain.writableLength)) {
      throw new FuzzError(`chain ${chain.head} was returned with ${written} bytes, it takes ${chain.writableLength}`);
    }
    this.returned++;
    super.push(chain, written);
  }

  override stop(): number {
    this.#out.clear();
    return super.stop();
  }
}
