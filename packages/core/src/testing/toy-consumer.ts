// SPDX-License-Identifier: Apache-2.0
import type { Frame, FrameConsumer } from '../ports/index.ts';

/** A stream's consumer that notes what it was given. */
export class ToyConsumer implements FrameConsumer {
  readonly frames: Frame[] = [];
  /** why the stream was lost, once for each call */
  readonly reasons: string[] = [];
  wants = true;
  /** whether it retains the frames, which its user then has to release */
  keep = false;

  wantsFrame(): boolean {
    return this.wants;
  }

  frame(frame: Frame): void {
    this.frames.push(frame);
    if (this.keep) frame.retain();
  }

  lost(reason: string): void {
    this.reasons.push(reason);
  }

  get sequences(): number[] {
    return this.frames.map(({ sequence }) => sequence);
  }
}
