// SPDX-License-Identifier: Apache-2.0
/**
 * What the driver itself keeps of one buffer queue, as the Linux driver does: DQBUF is answered here, from EVT_DQBUF.
 *
 * States: empty --REQBUFS--> allocated --STREAMON--> streaming --LAST dequeued--> ended;
 * STREAMOFF: back to allocated; DECODER_CMD START: ended -> streaming; REQBUFS(0): empty.
 */
import { Errno } from '../../wire/errno.gen.ts';
import { V4L2_BUF_FLAG_LAST } from '../../wire/v4l2/videodev2-constants.gen.ts';
import { IoctlError } from '../rings/errors.ts';
import { WaitList } from '../rings/wait-list.ts';
import type { BufferState } from './buffers.ts';

/** See the top of the file. */
export class StreamQueue {
  readonly #done = new WaitList<BufferState>();
  #state: 'empty' | 'allocated' | 'streaming' | 'ended' = 'empty';
  #count = 0;
  #queued = 0;
  #surplus = 0;
  /** called after each EVT_DQBUF of this queue */
  onFinished: (() => void) | undefined;

  /** number of buffers */
  get count(): number {
    return this.#count;
  }

  /** buffers that the device has */
  get queued(): number {
    return this.#queued;
  }

  /** finished buffers that were not dequeued */
  get done(): number {
    return this.#done.length;
  }

  /** REQBUFS or CREATE_BUFS succeeded and there are `count` buffers now. */
  allocated(count: number): void {
    this.#count = count;
    if (count > 0 && this.#state === 'empty') this.#state = 'allocated';
    if (count === 0) this.#stop('empty');
  }

  streamOn(): void {
    if (this.#state === 'allocated') this.#state = 'streaming';
  }

  streamOff(): void {
    this.#stop(this.#count > 0 ? 'allocated' : 'empty');
  }

  /** DECODER_CMD START succeeded. */
  restart(): void {
    if (this.#state === 'ended') this.#state = 'streaming';
  }

  /** A buffer goes to the device (1), or the device refused it (-1). */
  adjust(queued: 1 | -1): void {
    this.#queued += queued;
  }

  /** events for buffers that the device did not have: they break VM-DX10 and are dropped */
  get surplus(): number {
    return this.#surplus;
  }

  /** EVT_DQBUF. False if the device has no buffer of this queue. */
  finished(buffer: BufferState): boolean {
    if (this.#queued === 0 || buffer.index >= this.#count) {
      this.#surplus += 1;
      return false;
    }
    this.#queued -= 1;
    const taken = this.#done.waiting > 0;
    this.#done.put(buffer);
    if (taken) this.#dequeued(buffer);
    this.onFinished?.();
    return true;
  }

  /** DQBUF, nonblocking: undefined is EAGAIN. Throws EINVAL and EPIPE as the Linux driver does. */
  tryDequeue(): BufferState | undefined {
    this.#check();
    const buffer = this.#done.take();
    if (buffer !== undefined) this.#dequeued(buffer);
    return buffer;
  }

  /** DQBUF, blocking. STREAMOFF, REQBUFS(0) and the end of the session reject it. */
  async dequeue(): Promise<BufferState> {
    const buffer = this.tryDequeue();
    return buffer ?? this.#done.wait();
  }

  /** The session is over. */
  fail(error: Error): void {
    this.#done.clear();
    this.#done.fail(error);
  }

  #check(): void {
    if (this.#state === 'ended') throw new IoctlError('DQBUF', Errno.EPIPE, 'the last buffer was dequeued');
    if (this.#state !== 'streaming') throw new IoctlError('DQBUF', Errno.EINVAL, 'the queue does not stream');
  }

  #dequeued(buffer: BufferState): void {
    if ((buffer.flags & V4L2_BUF_FLAG_LAST) === 0 || this.#state !== 'streaming') return;
    this.#state = 'ended';
    this.#done.fail(new IoctlError('DQBUF', Errno.EPIPE, 'the last buffer was dequeued'));
  }

  #stop(state: 'empty' | 'allocated'): void {
    this.#state = state;
    this.#queued = 0;
    this.#done.clear();
    this.#done.fail(new IoctlError('DQBUF', Errno.EINVAL, 'the queue was stopped'));
  }
}
