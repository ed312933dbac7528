// SPDX-License-Identifier: Apache-2.0
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** What a daemon has open and mapped, by the number of its process. */
export class DaemonFiles {
  readonly #pid: number;

  constructor(pid: number) {
    this.#pid = pid;
  }

  get descriptors(): number {
    return this.#names.length;
  }

  get mappings(): number {
    return readFileSync(`/proc/${this.#pid}/maps`, 'utf8').split('\n').length;
  }

  /** How often it has files open whose path begins so; a node that was unplugged is `/dev/video0 (deleted)`. */
  openings(path: string): number {
    const links = this.#names.map((fd) => {
      try {
        return readlinkSync(`/proc/${this.#pid}/fd/${fd}`);
      } catch {
        return '';
      }
    });
    return links.filter((link) => link.startsWith(path)).length;
  }

  get #names(): readonly string[] {
    return readdirSync(`/proc/${this.#pid}/fd`);
  }
}
