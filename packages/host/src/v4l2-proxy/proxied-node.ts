// SPDX-License-Identifier: Apache-2.0
/**
 * A V4L2 node of this machine as guests have it: who opens it finds it anew, so that one that was unplugged may come back as another
 * file. What it can do is asked when the daemon starts, for guests are told before they open it.
 */
import { Errno, type NodeEvents, type OpenNode, proxiedCaps } from '@paravideo/core';
import type { Log } from '../log/index.ts';
import { findNode } from '../v4l2/index.ts';
import { ProxyThread } from './proxy-thread.ts';
import { proxyTrouble } from './proxy-trouble.ts';

/** A node that cannot be handed through; the message says what to do. */
export class ProxyError extends Error {
  override readonly name = 'ProxyError';
}

/** What one guest has of the node. */
export interface GuestProxy extends AsyncDisposable {
  readonly open: OpenNode;
}

const NOBODY: NodeEvents = { done: () => {}, failed: () => {}, event: () => {}, gone: () => {}, lost: () => {} };

/** See the top of the file. */
export class ProxiedNode {
  readonly #device: string;
  readonly #log: Log;
  /** files of guests that have buffers */
  readonly #holders = new Set<object>();
  #there = true;
  #caps = 0;
  #card = '';

  private constructor(device: string, log: Log) {
    this.#device = device;
    this.#log = log;
  }

  /**
   * Asks the node what it is. Throws `ProxyError` if it is not there, may not be opened, or cannot be handed through.
   * @param device a path, or a name or serial number as `findNode` takes them
   */
  static async open(device: string, log: Log): Promise<ProxiedNode> {
    const node = new ProxiedNode(device, log);
    const path = await findNode(device);
    if (path === undefined)
      throw new ProxyError(`there is no device ${device} on this machine: plug it in, or correct \`device\``);
    await using thread = new ProxyThread(log, node.#witness());
    const file = await thread.open(path, NOBODY);
    if (typeof file === 'number') throw new ProxyError(proxyTrouble(path, file));
    const { caps, card, driver } = file.opened.capability;
    node.#caps = proxiedCaps(caps);
    if (node.#caps === 0) throw new ProxyError(`${path}: it cannot stream video or metadata: name another node of the device`);
    node.#card = card;
    log.info({ device, path, card, driver }, 'device found');
    return node;
  }

  /** V4L2_CAP_* that guests see */
  get caps(): number {
    return this.#caps;
  }

  /** the driver's name for it */
  get card(): string {
    return this.#card;
  }

  /** The node for one more guest, which has a thread of its own. */
  forGuest(): GuestProxy {
    const thread = new ProxyThread(this.#log, this.#witness());
    return {
      open: (events) => this.#open(thread, events),
      [Symbol.asyncDispose]: () => thread[Symbol.asyncDispose](),
    };
  }

  async #open(thread: ProxyThread, events: NodeEvents): ReturnType<OpenNode> {
    const path = await findNode(this.#device);
    if (path === undefined) return this.#missing(this.#device, Errno.ENODEV);
    const file = await thread.open(path, events);
    if (typeof file === 'number') return this.#missing(path, file);
    const { caps, card, driver } = file.opened.capability;
    if (proxiedCaps(caps) !== this.#caps) {
      this.#log.warn({ device: this.#device, path, card, driver }, 'there is another device now: start the daemon again for it');
      await file.node.close();
      return Errno.ENODEV;
    }
    if (!this.#there) this.#log.info({ device: this.#device, path, card, driver }, 'device found');
    this.#there = true;
    return file.node;
  }

  /** A guest has its node all the time: a file that is missing is a device that is. */
  #missing(path: string, errno: number): number {
    const away = errno === Errno.ENOENT || errno === Errno.ENXIO || errno === Errno.ENODEV;
    if (!away || this.#there) this.#log.warn({ device: this.#device, errno }, proxyTrouble(path, errno));
    if (away) this.#there = false;
    return away ? Errno.ENODEV : errno;
  }

  #witness() {
    return {
      holds: (file: object, has: boolean): void => {
        if (has) this.#holders.add(file);
        else this.#holders.delete(file);
      },
      busy: (): void => {
        // Among guests it is their own affair, and one that holds buffers itself has to free them first.
        if (this.#holders.size > 0) return;
        this.#log.warn({ device: this.#device, errno: Errno.EBUSY }, proxyTrouble(this.#device, Errno.EBUSY));
      },
      gone: (): void => {
        if (this.#there) this.#log.warn({ device: this.#device }, proxyTrouble(this.#device, Errno.ENODEV));
        this.#there = false;
      },
    };
  }
}
