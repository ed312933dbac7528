// SPDX-License-Identifier: Apache-2.0
/**
 * Records what is played, in a process of its own: one recording after another, each into memory of the recorder first, so that neither
 * the guest nor the process waits for the other.
 *
 *     frame ── copied by a thread ──▶ slot of the recording's pool ── frame ──▶ process: encodes, writes ── taken ──▶ slot is free
 *
 *     recording --end--> finishing --finished--> over;   failed, or the process dies --> over
 */
import { getSystemErrorMap } from 'node:util';
import {
  type BufferAccess,
  type Frame,
  MemoryGate,
  type PictureLayout,
  type PlayedPicture,
  V4L2_PIX_FMT_YUV420,
  V4L2_QUANTIZATION_FULL_RANGE,
} from '@paravideo/core';
import { ChildProtocolError, DATA_BYTES, KeptChild } from '../../isolation/child/index.ts';
import type { Log } from '../../log/index.ts';
import type { CopyPool } from '../../memory/copy/index.ts';
import { FramePool, type FrameSlot, matrixOf } from '../../sources/index.ts';
import { type Fd, send, socketpair } from '../../sys/index.ts';
import type { SinkPlay } from '../sink-adapter.ts';
import { type RecorderReport, type RecorderRequest, recorderReports, recorderRequests } from './recorder-messages.ts';
import { RECORDING_KINDS, type RecordingName } from './recording-kind.ts';

/** Bytes of the frames that a recording keeps. */
export const recordedBytes = (layout: PictureLayout): number => FramePool.bytes(layout, SLOTS);

/** What a recorder takes. */
export const RECORDED_FORMATS: readonly number[] = [V4L2_PIX_FMT_YUV420];

/** How a recording ended. `fault`: why nothing could be written any more. */
export interface RecordingEnd {
  readonly bytes: number;
  readonly fault: string | undefined;
}

/** How what is recorded is written. */
export interface RecordingTarget {
  /** what it is written to: the recorder's from now on */
  readonly output: Fd;
  /** bytes; infinite if absent */
  readonly limit?: number;
  /** Nothing is written any more, and the output is closed. */
  ended(end: RecordingEnd): void;
}

/** How a recorder works. */
export interface RecorderOptions {
  readonly kind: RecordingName;
  readonly log: Log;
  readonly copies: CopyPool;
  /** what is written is read by a program, which may take its time over it */
  readonly waits?: boolean;
  /** milliseconds that the end of the recorder waits for what is not finished; 10 s */
  readonly finishWithin?: number;
}

/** Why a recording ends that is as long as it may be. */
export const LIMIT_REACHED = 'the limit of bytes is reached';

interface OpenRecording {
  readonly picture: PlayedPicture;
  readonly target: RecordingTarget;
  readonly pool: FramePool;
  readonly access: BufferAccess;
  /** slots that the process has, by their offset */
  readonly sent: Map<number, FrameSlot>;
  copying: number;
  bytes: number;
  fault: string | undefined;
  state: 'recording' | 'ending' | 'finishing' | 'over';
}

/** Frames of a recording that are copied, or wait for the process, at a time. */
const SLOTS = 8;
/** Milliseconds in which a recording is finished when nobody waits for its reader. */
const FINISH_WITHIN = 10_000;

/** See the top of the file. */
export class Recorder implements AsyncDisposable {
  readonly #o: RecorderOptions;
  readonly #child: KeptChild;
  /** the first is with the process, the others wait until it is over */
  readonly #recordings: OpenRecording[] = [];
  #things: { readonly ours: Fd; readonly theirs: Fd } | undefined;
  #idle: (() => void) | undefined;

  constructor(o: RecorderOptions) {
    this.#o = o;
    const film = RECORDING_KINDS.find(({ name }) => name === o.kind)?.film;
    this.#child = new KeptChild({
      name: 'recorder',
      log: o.log,
      script: new URL('./process/main.ts', import.meta.url),
      args: [String(process.pid), film === undefined ? 'plain' : 'film'],
      fds: () => this.#descriptors(),
      memory: () => DATA_BYTES.recorder + this.#recordings.reduce((sum, { pool }) => sum + pool.length, 0),
      // Who reads what it writes may take any time.
      working: () => o.waits !== true && this.#recordings.some(({ state, sent }) => state === 'finishing' || sent.size > 0),
      greeting: () => this.#recordings.slice(0, 1).map((recording) => this.#opening(recording)),
      onMessage: (message) => this.#hear(recorderReports.decode(message)),
      onExit: (reason) => this.#died(reason),
    });
  }

  /** Id of the process; undefined while there is none. */
  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** Begins a recording of what is played, which is of one of RECORDED_FORMATS. */
  record(picture: PlayedPicture, target: RecordingTarget): SinkPlay {
    const pool = FramePool.create('paravideo-recorded-frames', picture.layout, SLOTS);
    const mapping = {
      address: pool.address,
      length: pool.length,
      get open() {
        return pool.state !== 'closed';
      },
      pin: () => pool.pin(),
    };
    const memory = { gate: new MemoryGate(), resolve: () => undefined };
    const access = this.#o.copies.access({ arena: { mapping }, memory });
    const recording: OpenRecording = {
      picture,
      target,
      pool,
      access,
      sent: new Map(),
      copying: 0,
      bytes: 0,
      fault: undefined,
      state: 'recording',
    };
    this.#recordings.push(recording);
    this.#child.allow();
    if (this.#recordings[0] === recording) this.#open(recording);
    return {
      wantsFrame: () => this.#recordings[0] === recording && recording.fault === undefined && pool.out < SLOTS,
      frame: (frame) => this.#take(recording, frame),
      end: () => this.#end(recording),
    };
  }

  /** Finishes what is being recorded, for some seconds at most. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const recording of [...this.#recordings]) this.#end(recording);
    if (this.#recordings.length > 0) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#idle = resolve;
      const alarm = setTimeout(resolve, this.#o.finishWithin ?? FINISH_WITHIN);
      await promise;
      clearTimeout(alarm);
    }
    await this.#child.close();
    for (const recording of [...this.#recordings]) this.#over(recording, 'it was not finished in time');
    this.#things?.ours.close();
    this.#things?.theirs.close();
  }

  /** A fresh pair of sockets each time: what a dead process has not read is not for the next. */
  #descriptors(): number[] {
    this.#things?.ours.close();
    this.#things?.theirs.close();
    const [ours, theirs] = socketpair();
    this.#things = { ours, theirs };
    return [theirs.number];
  }

  #say(request: RecorderRequest): void {
    this.#child.send(recorderRequests.encode(request));
  }

  /** Tells the process that runs now of a recording; one that starts later is told when it does. */
  #open(recording: OpenRecording): void {
    if (this.#child.incarnation !== undefined) this.#child.send(this.#opening(recording));
  }

  /** Sends what belongs to a recording, and answers the message that begins it. */
  #opening({ picture, target, pool }: OpenRecording): number[] {
    if (this.#things === undefined) throw new ChildProtocolError('a recorder without sockets');
    for (const fd of [target.output, pool.fd]) send(this.#things.ours, new Uint8Array(1), [fd]);
    const { layout, interval, colorimetry } = picture;
    return recorderRequests.encode({
      kind: 'open',
      form: RECORDING_KINDS.findIndex(({ name }) => name === this.#o.kind),
      width: layout.width,
      height: layout.height,
      numerator: interval.numerator,
      denominator: interval.denominator,
      fullRange: colorimetry.quantization === V4L2_QUANTIZATION_FULL_RANGE ? 1 : 0,
      matrix: matrixOf(colorimetry),
      limit: target.limit ?? Number.MAX_SAFE_INTEGER,
      rest: planesOf(layout),
    });
  }

  #take(recording: OpenRecording, frame: Frame): void {
    const slot = recording.pool.take();
    if (slot === undefined) return;
    frame.retain();
    recording.copying += 1;
    const to = recording.pool.planes.map(
      ({ offset, length }) => ({ kind: 'arena', offset: slot.offset + offset, length }) as const,
    );
    const copied = (stored: boolean): void => {
      frame.release();
      recording.copying -= 1;
      if (stored && recording.state !== 'over' && recording.fault === undefined) {
        recording.sent.set(slot.offset, slot);
        this.#say({ kind: 'frame', offset: slot.offset, time: frame.timestamp });
      } else slot.abandon();
      if (recording.state === 'ending') this.#end(recording);
    };
    recording.access.store(frame.planes, to).then(copied, () => copied(false));
  }

  #end(recording: OpenRecording): void {
    if (recording.state !== 'recording' && recording.state !== 'ending') return;
    recording.state = 'ending';
    if (recording.copying > 0 || this.#recordings[0] !== recording) return;
    recording.state = 'finishing';
    this.#say({ kind: 'finish' });
  }

  #hear(report: RecorderReport): void {
    if (report.kind === 'ready') return;
    const [recording] = this.#recordings;
    if (recording === undefined) throw new ChildProtocolError(`${report.kind} without a recording`);
    switch (report.kind) {
      case 'taken': {
        const slot = recording.sent.get(report.offset);
        if (slot === undefined) throw new ChildProtocolError(`nobody sent a frame at ${report.offset}`);
        recording.sent.delete(report.offset);
        recording.bytes = report.bytes;
        slot.abandon();
        break;
      }
      case 'failed':
        recording.fault ??= report.errno === 0 ? LIMIT_REACHED : errorText(report.errno);
        this.#o.log.warn({ reason: recording.fault }, 'nothing more is recorded of what is played');
        break;
      case 'finished':
        if (recording.state !== 'finishing') throw new ChildProtocolError('it finished what goes on');
        recording.bytes = report.bytes;
        this.#over(recording, undefined);
        break;
    }
  }

  /** What was recorded by it is as it is; what waits begins with the next. */
  #died(reason: string): void {
    const [recording] = this.#recordings;
    if (recording !== undefined) this.#over(recording, `its process ended: ${reason}`);
  }

  #over(recording: OpenRecording, fault: string | undefined): void {
    recording.state = 'over';
    this.#recordings.splice(this.#recordings.indexOf(recording), 1);
    for (const slot of recording.sent.values()) slot.abandon();
    recording.sent.clear();
    recording.pool.close();
    recording.target.output.close();
    recording.target.ended({ bytes: recording.bytes, fault: recording.fault ?? fault });
    const [next] = this.#recordings;
    if (next !== undefined) {
      this.#open(next);
      if (next.state === 'ending') this.#end(next);
    } else this.#idle?.();
  }
}

/** `No space left on device (ENOSPC)` */
function errorText(errno: number): string {
  const [name, text] = getSystemErrorMap().get(-errno) ?? [`error ${errno}`, 'it cannot be written'];
  return `${text} (${name})`;
}

function planesOf({ colours }: PictureLayout): number[] {
  return colours.flatMap(({ offset, stride, rows, lineBytes }) => [offset, stride, rows, lineBytes]);
}
